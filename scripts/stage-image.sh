#!/bin/sh
# Lays out what the container image holds beside its base.
#
#   scripts/stage-image.sh PROGRAM DIR
#
# The program is also called wstest, in the two places where scripts for Autobahn's
# image look for it. Folders are writable for everyone, since the image runs as any
# user.
set -eu
program=${1:?usage: stage-image.sh PROGRAM DIR} dir=${2:?usage: stage-image.sh PROGRAM DIR}
rm -rf "$dir"
mkdir -p "$dir/usr/local/bin" "$dir/opt/pypy/bin" "$dir/config" "$dir/reports" "$dir/tmp"
cp "$program" "$dir/usr/local/bin/wsconform"
ln -s wsconform "$dir/usr/local/bin/wstest"
ln -s /usr/local/bin/wsconform "$dir/opt/pypy/bin/wstest"
chmod 755 "$dir" "$dir/usr" "$dir/usr/local" "$dir/usr/local/bin" "$dir/opt" "$dir/opt/pypy" "$dir/opt/pypy/bin" "$dir/usr/local/bin/wsconform"
chmod 1777 "$dir/config" "$dir/reports" "$dir/tmp"
