#!/bin/sh
# Makes the container images of a release from the Linux programs in dist/, and adds
# them to dist/checksums.txt: one with Debian's shell and one with nothing but the
# program, each for amd64 and arm64. scripts/release.sh calls it.
#
# Docker is not used, since its builds are not reproducible: mmdebstrap unpacks Debian
# packages, for any architecture and without running them, and crane puts the layers
# together. The images change only with the commit and with Debian's packages. Their
# configuration is that of the Dockerfile.
set -eu
cd "$(dirname "$0")/.."
dist=$PWD/dist
work=$PWD/out/release/images
tools=$PWD/out/tools
packages=base-files,base-passwd,bash,ca-certificates,coreutils,dash,findutils,grep,hostname,sed
version=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' "$dist/metadata.json")
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

if ! command -v mmdebstrap >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1 || ! apt-get install -yq --no-install-recommends mmdebstrap; then
		echo "release-images: mmdebstrap is not installed, so there are no images" >&2
		exit 3
	fi
fi
go build -trimpath -modfile=.ci/tools/image.mod -o "$tools/" github.com/google/go-containerregistry/cmd/crane
PATH=$tools:$PATH
rm -rf "$work"
mkdir -p "$work"

# crane changes an image's configuration only in a registry, so it serves one here.
crane registry serve --address 127.0.0.1:0 >"$work/registry.log" 2>&1 &
registry=$!
trap 'kill $registry' EXIT
port=
while [ -z "$port" ]; do
	kill -0 $registry
	port=$(sed -n 's/.*serving on port \([0-9]*\).*/\1/p' "$work/registry.log")
	sleep 0.1
done

# Of the Dockerfile: VAR=VALUE, the folder, the ports, and the command with commas.
env=$(sed -n 's/^ENV //p' Dockerfile)
workdir=$(sed -n 's/^WORKDIR //p' Dockerfile)
ports=$(sed -n 's/^EXPOSE //p' Dockerfile | tr ' ' ',')
command=$(sed -n 's/^CMD \[\(.*\)\]$/\1/p' Dockerfile | tr -d '" ')

# quietly shows what a command prints only if it fails.
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && return 1; }; }

# image NAME ARCH LAYER... writes NAME for ARCH to dist.
image() {
	name=$1 arch=$2
	shift 2
	file=wsconform_${version}_linux_${arch}_$name.tar
	for layer; do set -- "$@" --new_layer "$layer" && shift; done
	quietly crane append --oci-empty-base "$@" --new_tag "127.0.0.1:$port/$name:$arch"
	quietly crane mutate "127.0.0.1:$port/$name:$arch" --set-platform "linux/$arch" --env "$env" --workdir "$workdir" \
		--exposed-ports "$ports" --cmd "$command" \
		--label "org.opencontainers.image.source=https://github.com/wsconform/wsconform" \
		--label "org.opencontainers.image.version=$version" \
		--label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
		--tag "wsconform${name#image}:$version" --output "$dist/$file"
	(cd "$dist" && sha256sum "$file" >>checksums.txt)
	echo "release-images: dist/$file"
}

for arch in amd64 arm64; do
	scripts/stage-image.sh "$dist"/wsconform_linux_$arch*/wsconform "$work/$arch"
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work/$arch" -cf "$work/$arch.tar" .
	# The packages' scripts are not run; the hooks do the two things that matter of what those do.
	# shellcheck disable=SC2016 # mmdebstrap's shell expands $1
	mmdebstrap --quiet --variant=extract --architectures=$arch --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--customize-hook='cp "$1/usr/share/base-passwd/passwd.master" "$1/etc/passwd" && cp "$1/usr/share/base-passwd/group.master" "$1/etc/group"' \
		--customize-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"' \
		bookworm "$work/base-$arch.tar"
	image image $arch "$work/base-$arch.tar" "$work/$arch.tar"
	image image-scratch $arch "$work/$arch.tar"
done
