package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A release is not built in CI, since its tools take minutes to compile. These tests
// notice a configuration that has come apart from the source.
func TestReleaseConfiguration(t *testing.T) {
	var c struct {
		Before struct {
			Hooks []string `yaml:"hooks"`
		} `yaml:"before"`
		Builds []struct {
			Main    string   `yaml:"main"`
			Goos    []string `yaml:"goos"`
			Goarch  []string `yaml:"goarch"`
			Ldflags []string `yaml:"ldflags"`
		} `yaml:"builds"`
	}
	readYAML(t, filepath.Join(source, ".goreleaser.yaml"), &c)
	for _, hook := range c.Before.Hooks {
		if _, err := os.Stat(filepath.Join(source, strings.Fields(hook)[0])); err != nil {
			t.Errorf("hook: %v", err)
		}
	}
	if len(c.Builds) != 1 {
		t.Fatalf("%d builds, want 1", len(c.Builds))
	}
	b := c.Builds[0]
	if _, err := os.Stat(filepath.Join(source, b.Main, "main.go")); err != nil {
		t.Error(err)
	}
	if !slices.Equal(b.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(b.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("targets %v on %v", b.Goos, b.Goarch)
	}
	// The linker ignores a variable that does not exist.
	linked := regexp.MustCompile(`-X main\.(\w+)=`)
	text := strings.Join(b.Ldflags, " ") + read(t, "scripts/release-docs.sh") + read(t, "Makefile")
	declared := regexp.MustCompile(`(?m)^var (.*) string$`).FindStringSubmatch(read(t, "cmd/wsconform/version.go"))
	names := linked.FindAllStringSubmatch(text, -1)
	if declared == nil || len(names) < 3 {
		t.Fatalf("declared %q, linked %q", declared, names)
	}
	for _, name := range names {
		if !slices.Contains(strings.Split(declared[1], ", "), name[1]) {
			t.Errorf("the linker sets main.%s, which is not among %s", name[1], declared[1])
		}
	}
}

// scripts/release-images.sh reads the configuration of the images out of the
// Dockerfile, line by line.
func TestReleaseReadsDockerfile(t *testing.T) {
	text := read(t, "Dockerfile")
	for _, line := range []string{`ENV PATH=\S+`, `WORKDIR \S+`, `EXPOSE \d+( \d+)*`, `CMD \["[^\s"]+"(, "[^\s"]+")*\]`} {
		word, _, _ := strings.Cut(line, " ")
		if n := len(regexp.MustCompile(`(?m)^`+word+` `).FindAllString(text, -1)); n != 1 || !regexp.MustCompile(`(?m)^`+line+`$`).MatchString(text) {
			t.Errorf("Dockerfile: %d lines with %s, want one like %s", n, word, line)
		}
	}
}

// read returns the text of a file, named from the root of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
