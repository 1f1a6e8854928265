package main

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	build := func(module, vcsTime string) *debug.BuildInfo {
		return &debug.BuildInfo{
			Main:     debug.Module{Version: module},
			Settings: []debug.BuildSetting{{Key: "vcs.time", Value: vcsTime}},
		}
	}
	for _, row := range []struct {
		name                string
		linked, date        string
		info                *debug.BuildInfo
		wantVersion, wantAt string
	}{
		{"a release", "v1.2.0", "2026-11-28T01:00:00+01:00", build("v1.1.9", "2020-01-01T00:00:00Z"), "v1.2.0", "2026-11-28 00:00:00 +0000 UTC"},
		{"go install", "", "", build("v1.2.0", ""), "v1.2.0", "1970-01-01 00:00:00 +0000 UTC"},
		{"go build in a clone", "", "", build("v1.2.1-0.20261128000000-abcdef", "2026-11-28T00:00:00Z"), "v1.2.1-0.20261128000000-abcdef", "2026-11-28 00:00:00 +0000 UTC"},
		{"go build without a repository", "", "", build("(devel)", ""), "devel", "1970-01-01 00:00:00 +0000 UTC"},
		{"no build information", "", "", nil, "devel", "1970-01-01 00:00:00 +0000 UTC"},
	} {
		if got := versionOf(row.linked, row.info); got != row.wantVersion {
			t.Errorf("%s: version %q, want %q", row.name, got, row.wantVersion)
		}
		if got := commitTimeOf(row.date, row.info).String(); got != row.wantAt {
			t.Errorf("%s: time %s, want %s", row.name, got, row.wantAt)
		}
	}
}
