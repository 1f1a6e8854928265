#!/bin/sh
# Times both engines against the same reference peers, in turns, so that what
# else the machine does hits both alike: the 301 cases outside compression, as a
# server and as a client. Prints wall seconds, CPU seconds and peak memory of the
# native engine, and the ratio of the medians. Needs a Docker engine.
#
#   scripts/bench.sh [rounds]        3 rounds if not said
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
bin=bin/wsconform
out=out/bench
select="--exclude 12.*,13.*"
mkdir -p "$out"
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
