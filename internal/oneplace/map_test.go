package oneplace

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// CONTRIBUTING.md has a line for each package: none is missing, and none that it names is
// gone. The insides of ws, the examples and the third-party agents have maps of their own.
func TestMap(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			named[name[1]] = true
		}
	}
	there := packagesOf(t, root)
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !named[name] && !strings.HasPrefix(name, "ws/") && !strings.HasPrefix(name, "docs/") && !strings.HasPrefix(name, "fixtures/agents/") {
			t.Errorf("CONTRIBUTING.md does not name the package %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name))); err != nil || !info.IsDir() {
			t.Errorf("CONTRIBUTING.md names %s, which is not there", name)
		}
	}
	if len(named) < 20 || len(there) < 20 {
		t.Fatalf("%d folders are named, %d have packages", len(named), len(there))
	}
}

// packagesOf lists the folders with Go files of this module, from its root.
func packagesOf(t *testing.T, root string) map[string]bool {
	t.Helper()
	list := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if _, err := os.Stat(filepath.Join(root, name, "go.mod")); name != "." && err == nil || strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go"):
			list[path.Dir(name)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
