#!/bin/sh
# Installs and starts Docker if needed, for the parts of wsconform that use it.
#
#   scripts/install-docker.sh [--check]
#
# Does nothing if an engine answers. Otherwise, as root on Debian or a derivative,
# it installs docker.io and debootstrap and starts dockerd, with its own data folder,
# pid file and log; systemd is not needed. For other users and systems it prints two
# lines: what is missing, and what to do. --check never changes anything.
#
#   exit 0  an engine answers
#   exit 3  no engine answers; the reason was printed, and everything that needs
#           no Docker still works
#
#   WSCONFORM_DOCKER       "off": exit 3 at once
#   WSCONFORM_DOCKER_ROOT  data folder of the dockerd started here (default
#                          /var/lib/wsconform-docker); its pid file and log are
#                          beside it, ending in .pid and .log
#   DOCKER_HOST            an engine elsewhere; none is started here
set -u

root=${WSCONFORM_DOCKER_ROOT:-/var/lib/wsconform-docker}
pidfile=$root.pid
logfile=$root.log
execroot=/var/run/wsconform-docker
socket=/var/run/docker.sock
sbin=/usr/local/sbin:/usr/sbin:/sbin
PATH=$PATH:$sbin

say() { printf 'install-docker: %s\n' "$*"; }

# missing prints two lines, why and what to do, and exits.
missing() {
	printf 'install-docker: no Docker engine: %s\n' "$1" >&2
	printf 'install-docker: %s; everything that needs no Docker still works\n' "$2" >&2
	exit 3
}

have() { command -v "$1" >/dev/null 2>&1; }

# answers asks the engine that programs would find, with the docker command, of any
# age, or with curl.
answers() {
	if have docker; then
		timeout 10 docker info >/dev/null 2>&1
	elif have curl && [ -z "${DOCKER_HOST:-}" ]; then
		curl -fs --max-time 10 --unix-socket "$socket" http://docker/_ping >/dev/null 2>&1
	else
		return 1
	fi
}

# apt_install installs packages, and updates the lists first only if needed.
apt_install() {
	say "installing $* (apt-get)"
	export DEBIAN_FRONTEND=noninteractive
	aptlog=$(mktemp "${TMPDIR:-/tmp}/wsconform-apt.XXXXXX") || return 1
	if apt-get install -yq --no-install-recommends "$@" >>"$aptlog" 2>&1 ||
		{ apt-get update -q && apt-get install -yq --no-install-recommends "$@"; } >>"$aptlog" 2>&1; then
		rm -f "$aptlog"
	else
		return 1
	fi
}

debian() {
	have apt-get && grep -Eq '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null
}

is_root() { [ "$(id -u)" = 0 ]; }

# want_debootstrap installs the tool that makes a base image where none can be
# pulled. A failure is not fatal.
want_debootstrap() {
	if [ "$check" = no ] && ! have debootstrap && is_root && debian; then
		apt_install debootstrap || say "debootstrap cannot be installed (see $aptlog); base images must be pulled"
	fi
}

# running prints the pid in the file $1 if that process runs the program $2. A
# zombie does not run it: one that nobody reaps keeps its pid for ever.
running() {
	pid=$(cat "$1" 2>/dev/null) || return 1
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	case $(readlink "/proc/$pid/exe") in */"$2" | */"$2 (deleted)") ;; *) return 1 ;; esac
	echo "$pid"
}

# started_by_service starts the engine through systemd, if that runs.
started_by_service() {
	[ -d /run/systemd/system ] || return 1
	say 'starting the docker service (systemd)'
	systemctl start docker >/dev/null 2>&1 && answers
}

start_dockerd() {
	mkdir -p "$root" 2>/dev/null || missing "cannot create $root" 'set WSCONFORM_DOCKER_ROOT to a folder on a local file system'
	if child=$(running "$pidfile" dockerd); then
		say "waiting for dockerd, which is already running (log: $logfile)"
	else
		rm -f "$pidfile"
		# A killed dockerd leaves this file behind, and the next one trusts it.
		running "$execroot/containerd/containerd.pid" containerd >/dev/null ||
			rm -f "$execroot/containerd/containerd.pid"
		say "starting dockerd (data: $root, log: $logfile)"
		# Ctrl-C and the end of make must not stop it: it gets its own session.
		setsid dockerd --data-root "$root" --exec-root "$execroot" \
			--pidfile "$pidfile" --host "unix://$socket" >"$logfile" 2>&1 </dev/null &
		child=$!
	fi
	waited=0
	while ! answers; do
		kill -0 "$child" 2>/dev/null ||
			missing "dockerd exited: $(tail -n 1 "$logfile" | cut -c 1-300)" "see $logfile; in a container, it must be privileged"
		[ "$waited" -lt 60 ] ||
			missing 'dockerd does not answer after 60 s' "see $logfile"
		sleep 1
		waited=$((waited + 1))
	done
}

check=no
case ${1:-} in
'') ;;
--check) check=yes ;;
*)
	echo 'usage: install-docker.sh [--check]' >&2
	exit 2
	;;
esac
aptlog=

[ "${WSCONFORM_DOCKER:-}" != off ] || missing 'WSCONFORM_DOCKER is "off"' 'unset it to use Docker'

if answers; then
	want_debootstrap
	exit 0
fi

if [ -n "${DOCKER_HOST:-}" ]; then
	missing "no answer from DOCKER_HOST ($DOCKER_HOST)" 'start that engine, or unset DOCKER_HOST'
fi
if ! is_root; then
	if [ -S "$socket" ] && ! [ -w "$socket" ]; then
		missing "permission denied for $socket" "run as root, or join its group (usermod -aG docker $(id -un)) and log in again"
	fi
	if have dockerd; then
		missing 'dockerd is installed but not running' 'start it as root (systemctl start docker, or run this script)'
	fi
	missing 'not installed' 'run this script as root on Debian, or follow the manual of your system'
fi
if [ "$check" = yes ]; then
	missing 'no answer' 'run this script without --check'
fi
if ! have dockerd || ! have docker; then
	debian || missing 'not installed, and this is not Debian' 'install Docker 20.10 or newer and start it'
	apt_install docker.io debootstrap iptables ca-certificates ||
		missing "cannot install docker.io: $(grep -m 1 '^E: ' "$aptlog" | cut -c 1-200)" "see $aptlog"
fi
have dockerd || missing 'the docker command is installed, but dockerd is not' 'run apt-get install docker.io'
want_debootstrap
started_by_service || start_dockerd
say "Docker $(docker version --format '{{.Server.Version}}' 2>/dev/null || echo '(unknown version)') is running"
