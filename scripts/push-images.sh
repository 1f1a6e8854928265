#!/bin/sh
# Pushes the container images in dist/ to a registry, under one name for both
# architectures. Log in first: `crane auth login`, or `docker login`.
#
#   scripts/push-images.sh REPOSITORY
#
# REPOSITORY is the name to publish under. The image with a shell becomes
# REPOSITORY:VERSION and REPOSITORY:latest, the other REPOSITORY:VERSION-scratch.
set -eu
cd "$(dirname "$0")/.."
repository=${1:?usage: push-images.sh REPOSITORY}
PATH=$PWD/out/tools:$PATH
version=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' dist/metadata.json)

# push NAME TAG pushes one image of both architectures.
push() {
	for arch in amd64 arm64; do
		crane push "dist/wsconform_${version}_linux_${arch}_$1.tar" "$repository:$2-$arch" >/dev/null
	done
	crane index append --docker-empty-base --manifest "$repository:$2-amd64" --manifest "$repository:$2-arm64" --tag "$repository:$2"
}

push image "$version"
push image-scratch "$version-scratch"
crane tag "$repository:$version" latest
