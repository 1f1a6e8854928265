#!/bin/sh
# Prints the name of the image to build upon: REF if it is here or can be pulled,
# else a Debian that PROGRAM makes by debootstrap, which needs root.
#
#   scripts/image-base.sh REF PROGRAM
set -eu
ref=${1:?usage: image-base.sh REF PROGRAM} program=${2:?usage: image-base.sh REF PROGRAM}
if docker image inspect "$ref" >/dev/null 2>&1 || docker pull -q "$ref" >/dev/null 2>&1; then
	echo "$ref"
else
	echo "image-base: $ref cannot be pulled, so another Debian takes its place" >&2
	"$program" autobahn image --base-only
fi
