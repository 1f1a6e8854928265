#!/bin/sh
# Writes what goes into archives and packages beside the program: completions,
# manual pages, and Debian's changelog and copyright. GoReleaser calls it before it
# builds.
#
#   scripts/release-docs.sh VERSION DATE
#
# DATE is that of the commit, so that two builds of a commit give the same bytes.
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: release-docs.sh VERSION DATE} date=${2:?usage: release-docs.sh VERSION DATE}
dir=out/release
rm -rf "$dir"
mkdir -p "$dir/completions" "$dir/man"

CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$version -X main.date=$date" -o "$dir/wsconform" ./cmd/wsconform
"$dir/wsconform" completion bash >"$dir/completions/wsconform.bash"
"$dir/wsconform" completion zsh >"$dir/completions/_wsconform"
"$dir/wsconform" completion fish >"$dir/completions/wsconform.fish"
"$dir/wsconform" completion powershell >"$dir/completions/wsconform.ps1"
"$dir/wsconform" man "$dir/man"
gzip -9n "$dir"/man/*.1
rm "$dir/wsconform"

gzip -9nc CHANGELOG.md >"$dir/changelog.gz"
cat >"$dir/copyright" <<END
wsconform, from https://github.com/wsconform/wsconform

Copyright: The wsconform authors
License: Apache-2.0
 On Debian systems, the full text is in /usr/share/common-licenses/Apache-2.0.
END
