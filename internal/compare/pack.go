package compare

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/wsconform/wsconform/internal/atomicfile"
)

const (
	// maxLog is how much of a log is kept, its end, in bytes.
	maxLog = 1 << 20
	// maxUnit bounds the unpacked files of a unit, in bytes.
	maxUnit = 1 << 30
)

// pack puts the run files and the logs of a folder into one archive. The same files give
// the same bytes.
func pack(dir string) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, pattern := range []string{"runs/*.jsonl", "logs/*.log"} {
		files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			if pattern == "logs/*.log" {
				text = text[max(0, len(text)-maxLog):]
			}
			name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
			if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
				return nil, err
			}
			if _, err := archive.Write(text); err != nil {
				return nil, err
			}
		}
	}
	err := errors.Join(archive.Close(), zip.Close())
	return out.Bytes(), err
}

// packedName is what a file of an archive may be called: it becomes a path.
var packedName = regexp.MustCompile(`^(runs/[a-z0-9][a-z0-9._-]*\.jsonl|logs/[a-z0-9][a-z0-9._-]*\.log)$`)

// unpacked returns the files of an archive by their names.
func unpacked(data []byte) (map[string][]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(io.LimitReader(zip, maxUnit))
	files := map[string][]byte{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || !packedName.MatchString(header.Name) {
			return nil, fmt.Errorf("a file %q is not expected", header.Name)
		}
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

func writeFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteSync(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
