#!/bin/sh
# Builds everything that a release holds, in dist/: archives, Debian packages,
# container images, SBOMs, and checksums.txt, which lists the rest. A commit
# without a tag gives a snapshot. Two builds of one commit give the same bytes.
#
#   scripts/release.sh
#
# The tools are pinned in .ci/tools; the first run builds them, which takes minutes.
# Images need mmdebstrap, which is installed as root on Debian; without it they are
# skipped with a message, and the exit code is 3.
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/out/tools
go build -trimpath -modfile=.ci/tools/release.mod -o "$tools/" github.com/goreleaser/goreleaser/v2
go build -trimpath -modfile=.ci/tools/sbom.mod -o "$tools/" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
PATH=$tools:$PATH

# GoReleaser wants a remote, although nothing is fetched or pushed.
if ! git remote get-url origin >/dev/null 2>&1; then
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/wsconform/wsconform
fi
snapshot=--snapshot
if git describe --exact-match --tags >/dev/null 2>&1; then snapshot=; fi
# shellcheck disable=SC2086 # no word if it is empty
goreleaser release --clean $snapshot

scripts/release-images.sh
