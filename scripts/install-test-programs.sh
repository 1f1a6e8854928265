#!/bin/sh
# Installs the programs that integration tests talk to: proxies, servers in front of
# ours, browsers, WebSocket libraries of Python, Java, Qt and Mono, a curl that speaks WebSocket; and the C compiler that the race
# detector needs. Needs root on Debian; elsewhere it changes nothing, and tests
# without their program are skipped with a message.
#
#   scripts/install-test-programs.sh VENV MODULES
#
# VENV is a folder for the Python modules; set WSCONFORM_PYTHON to its bin/python.
# MODULES is a folder for npm modules, if npm is installed; set WSCONFORM_MODULES to it, and
# AXE_CORE to its node_modules/axe-core/axe.min.js.
set -eu

usage="usage: install-test-programs.sh VENV MODULES"
venv=${1:?$usage} modules=${2:?$usage}

if ! command -v npm >/dev/null 2>&1 || ! npm install --silent --no-save --no-package-lock --prefix "$modules" axe-core@4.14.1 undici@7.30.2; then
	echo "install-test-programs: npm is missing or failed, so axe-core and undici are not installed; tests that need them are skipped"
fi

packages="squid tinyproxy dante-server microsocks openssh-server openssh-client nginx-light haproxy apache2-bin lighttpd nghttp2-proxy varnish
chromium mosquitto curl libxml2-utils
python3-venv nodejs gcc libc6-dev firefox-esr mono-runtime mono-mcs libmono-system-net-http4.0-cil
openjdk-17-jdk-headless maven qt6-websockets-dev cmake g++"

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "install-test-programs: not root on Debian, so nothing is installed; tests without their program are skipped"
	exit 0
fi

missing=
for p in $packages; do
	case $p in
	nginx-light) command -v nginx >/dev/null 2>&1 && continue ;; # any nginx will do
	nodejs) command -v node >/dev/null 2>&1 && continue ;;
	esac
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
	echo "install-test-programs: installing$missing"
	# The tests start what they need, on ports of their own. Keep Debian from starting
	# each as a service.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		trap 'rm -f "$policy"' EXIT
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null
	# shellcheck disable=SC2086 # a list of words
	apt-get install -yq --no-install-recommends $missing >/dev/null
fi

if ! "$venv/bin/python" -c 'import websockets, websocket, channels, daphne, pycurl, aioquic' 2>/dev/null; then
	echo "install-test-programs: Python modules in $venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --no-input websockets==17.4 websocket-client==1.9.2 channels==4.3.2 daphne==4.2.3 pycurl==7.49.0 aioquic==1.7.2
fi

# sshd needs this folder. Debian's service creates it, but we do not start that.
mkdir -p /run/sshd
