//go:build unix

package compare_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/wsconform/wsconform/internal/compare"
)

// Two comparisons that write the same run files would spoil each other's.
func TestFolderInUse(t *testing.T) {
	r := runner(t)
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(r.Dir, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), nil); !errors.Is(err, compare.ErrInUse) {
		t.Errorf("got error %v, want ErrInUse", err)
	}
	f.Close()
	if _, err := r.Run(t.Context(), nil); err != nil {
		t.Errorf("once the other has ended: %v", err)
	}
}
