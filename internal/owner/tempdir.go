package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// TempDir makes a folder for temporary files of a kind, a word. Its name says which process
// made it.
func TempDir(kind string) (string, error) {
	self := Self()
	return os.MkdirTemp("", fmt.Sprintf("wsconform-%s-%d.%s-", kind, self.PID, self.Started))
}

var tempDir = regexp.MustCompile(`^wsconform-[a-z]+-(\d+)\.(\d*)-\d+$`)

// TempDirs yields the folders that [TempDir] has made, and by which process.
func TempDirs(yield func(path string, of Owner) bool) {
	entries, _ := os.ReadDir(os.TempDir())
	for _, e := range entries {
		m := tempDir.FindStringSubmatch(e.Name())
		if m == nil || !e.IsDir() {
			continue
		}
		of := Self()
		of.PID, _ = strconv.Atoi(m[1])
		of.Started = m[2]
		if !yield(filepath.Join(os.TempDir(), e.Name()), of) {
			return
		}
	}
}
