#!/bin/sh
# Times both engines against the same reference peers: the 301 cases outside
# compression, as a server and as a client. The engines take turns, so that other
# load on the machine affects both alike. Prints wall seconds and the ratio of the
# medians. Needs a Docker engine.
#
#   scripts/bench.sh [rounds]        3 rounds by default
#   scripts/bench.sh full [rounds]   all 517 cases with the native engine: wall
#                                    seconds, CPU seconds of harness and server, and
#                                    the peak memory of both in MB. 1 round by
#                                    default. Linux only.
set -eu
cd "$(dirname "$0")/.."
bin=bin/wsconform
out=out/bench
select="--exclude 12.*,13.*"
mkdir -p "$out"

# cpu PID prints the CPU seconds of a process that still runs; peak PID its peak
# memory in MB.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, "")} $1 != "Z" {print ($12 + $13) / hz}' "/proc/$1/stat"; }
peak() { awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$1/status"; }

full() {
	$bin echo --addr 127.0.0.1:0 >"$out/server.log" &
	server=$!
	trap 'kill $server 2>/dev/null' EXIT
	url=
	while [ -z "$url" ]; do
		sleep 0.1
		url=$(sed -n 's/^listening on //p' "$out/server.log")
	done
	i=0
	while [ $i -lt "$1" ]; do
		begun=$(date +%s.%N) before=$(cpu $server)
		$bin test "$url" -o "$out/full" >"$out/full.log" 2>&1 &
		harness=$!
		while next=$(cpu $harness 2>/dev/null) && [ -n "$next" ]; do
			spent=$next
			high=$(peak $harness 2>/dev/null) && [ -n "$high" ] && top=$high
			sleep 0.2
		done
		wait $harness || true
		ended=$(date +%s.%N)
		echo "$begun $ended $spent $before $(cpu $server) $top $(peak $server)" | awk '{
			printf "517 cases: %.1f s; harness %.1f CPU s, %d MB; server %.1f CPU s, %d MB; ratio %.2f\n",
				$2 - $1, $3, $6, $5 - $4, $7, $3 / ($5 - $4)}'
		i=$((i + 1))
	done
}

if [ "${1:-}" = full ]; then
	full "${2:-1}"
	exit
fi
rounds=${1:-3}
: >"$out/times"

# run ENGINE ROLE COMMAND... appends "engine role wall" to the times.
run() {
	engine=$1 role=$2
	shift 2
	begun=$(date +%s.%N)
	"$@" >"$out/$engine-$role.log" 2>&1 || true
	ended=$(date +%s.%N)
	echo "$engine $role $(echo "$ended $begun" | awk '{print $1 - $2}')" | tee -a "$out/times"
}

i=0
set -f
while [ $i -lt "$rounds" ]; do
	run native server $bin test $select --server-cmd "$bin echo --addr {host}:{port}" -o $out/native-server
	run native client $bin test --client $select -o $out/native-client -- $bin drive {url}
	run autobahn server $bin autobahn run --role server $select -o $out/autobahn-server
	run autobahn client $bin autobahn run --role client $select -o $out/autobahn-client
	i=$((i + 1))
done

for role in server client; do
	for engine in native autobahn; do
		awk -v e=$engine -v r=$role '$1 == e && $2 == r {print $3}' "$out/times" | sort -n |
			awk -v e=$engine -v r=$role '{v[NR] = $1} END {printf "%s %s median %.2f s (%.2f to %.2f)\n", e, r, v[int((NR + 1) / 2)], v[1], v[NR]}'
	done | tee "$out/$role"
	awk '{m[NR] = $4} END {printf "autobahn takes %.1f times as long\n", m[2] / m[1]}' "$out/$role"
done
