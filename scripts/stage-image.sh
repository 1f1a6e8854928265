#!/bin/sh
# Lays out what the container image holds beside its base.
#
#   scripts/stage-image.sh PROGRAM DIR
#
# The program is also called wstest, in the two places where scripts for Autobahn's
# image look for it, and pypy and python stand for the interpreters that some call it
# by. Folders are writable for everyone, since the image runs as any user.
set -eu
program=${1:?usage: stage-image.sh PROGRAM DIR} dir=${2:?usage: stage-image.sh PROGRAM DIR}
here=$(dirname "$0")
rm -rf "$dir"
mkdir -p "$dir/usr/local/bin" "$dir/opt/pypy/bin" "$dir/config" "$dir/reports" "$dir/tmp"
cp "$program" "$dir/usr/local/bin/wsconform"
cp "$here/image/pypy" "$dir/usr/local/bin/pypy"
cp "$here/image/fuzzingserver.json" "$dir/config/"
ln -s wsconform "$dir/usr/local/bin/wstest"
ln -s /usr/local/bin/wsconform "$dir/opt/pypy/bin/wstest"
ln -s pypy "$dir/usr/local/bin/python"
ln -s /usr/local/bin/pypy "$dir/opt/pypy/bin/pypy"
chmod 755 "$dir" "$dir/usr" "$dir/usr/local" "$dir/usr/local/bin" "$dir/opt" "$dir/opt/pypy" "$dir/opt/pypy/bin" \
	"$dir/usr/local/bin/wsconform" "$dir/usr/local/bin/pypy"
chmod 644 "$dir/config/fuzzingserver.json"
chmod 1777 "$dir/config" "$dir/reports" "$dir/tmp"
