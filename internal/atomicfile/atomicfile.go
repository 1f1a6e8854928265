// Package atomicfile writes files that are there whole or not at all.
package atomicfile

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
)

// Write puts a file in place at once, and makes its folder if needed: a reader never
// sees half of it, and a full disk leaves an older one as it was.
func Write(path string, write func(io.Writer) error) error { return put(path, write, false) }

// WriteSync is [Write], and the file is on the disk when it returns.
func WriteSync(path string, write func(io.Writer) error) error { return put(path, write, true) }

func put(path string, write func(io.Writer) error, sync bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".wsconform-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	bw := bufio.NewWriter(f)
	if err := write(bw); err != nil {
		return err
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
