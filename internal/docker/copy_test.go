package docker_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
)

// A member is one entry of a hostile or harmless archive.
type member struct {
	tar.Header
	content string
}

func file(name, content string) member {
	return member{tar.Header{Name: name, Mode: 0o4777, Size: int64(len(content))}, content}
}

func folder(name string) member {
	return member{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}}
}

func link(typ byte, name, target string) member {
	return member{Header: tar.Header{Name: name, Typeflag: typ, Linkname: target}}
}

// holding returns a container with the folder /reports, or if stat says so a
// file, that arrives as the members.
func holding(t *testing.T, stat container.PathStat, members ...member) *docker.Container {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, m := range members {
		if err := tw.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, m.content); err != nil {
			t.Fatal(err)
		}
	}
	_ = tw.Flush() // pads the last one; it complains of contents that are only claimed
	return create(t, &dockertest.API{OnCopyFrom: func(_, path string) (io.ReadCloser, container.PathStat, error) {
		if path == "/absent" {
			return nil, container.PathStat{}, dockertest.NotFound("file")
		}
		return io.NopCloser(&buf), stat, nil
	}})
}

var reports = container.PathStat{Name: "reports", Mode: fs.ModeDir | 0o755}

// tree returns the files below dir with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCopyOut(t *testing.T) {
	tests := []struct {
		name    string
		stat    container.PathStat
		members []member
		want    map[string]string
	}{
		{
			"folder", reports,
			[]member{
				folder("reports/"), file("reports/index.json", "{}"), folder("reports/sub/"), file("reports/sub/x", "1"),
				file("reports/implied/y", "2"), file("reports/reports/z", "3"),
			},
			map[string]string{"index.json": "{}", "sub/x": "1", "implied/y": "2", "reports/z": "3"},
		},
		{
			"file",
			container.PathStat{Name: "spec.json", Mode: 0o644},
			[]member{file("spec.json", "{}")},
			map[string]string{"spec.json": "{}"},
		},
		{"the same file twice", reports, []member{file("reports/a", "1"), file("reports/a", "2")}, map[string]string{"a": "2"}},
		{"dots in names", reports, []member{file("reports/..a", "1"), file("reports/b/../c", "2")}, map[string]string{"..a": "1", "c": "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "out")
			if err := holding(t, tt.stat, tt.members...).CopyOut(t.Context(), "/reports", dir, docker.Limits{}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tree(t, dir), tt.want); diff != "" {
				t.Errorf("files (got, want):\n%s", diff)
			}
		})
	}
}

func TestCopyOutHostile(t *testing.T) {
	huge := member{Header: tar.Header{Name: "reports/huge", Size: 1 << 40}}
	tests := []struct {
		name    string
		members []member
		limits  docker.Limits
	}{
		{"parent", []member{file("reports/../../evil", "x")}, docker.Limits{}},
		{"parent without prefix", []member{file("../evil", "x")}, docker.Limits{}},
		{"absolute", []member{file("/evil", "x")}, docker.Limits{}},
		{"absolute after the prefix", []member{file("reports//evil", "x")}, docker.Limits{}},
		{"folder outside", []member{folder("reports/../../evil/")}, docker.Limits{}},
		{"symlink", []member{link(tar.TypeSymlink, "reports/l", "/etc/passwd")}, docker.Limits{}},
		{"symlink to a folder, then through it", []member{
			link(tar.TypeSymlink, "reports/l", ".."), file("reports/l/evil", "x"),
		}, docker.Limits{}},
		{"hard link", []member{link(tar.TypeLink, "reports/l", "../../victim")}, docker.Limits{}},
		{"device", []member{link(tar.TypeChar, "reports/null", "")}, docker.Limits{}},
		{"named pipe", []member{link(tar.TypeFifo, "reports/pipe", "")}, docker.Limits{}},
		{"size that is only claimed", []member{huge}, docker.Limits{}},
		{"too much in all", []member{file("reports/a", "12345"), file("reports/b", "12345")}, docker.Limits{Bytes: 9}},
		{"too many", []member{file("reports/a", ""), file("reports/b", ""), file("reports/c", "")}, docker.Limits{Files: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			if err := os.WriteFile(filepath.Join(top, "victim"), []byte("whole"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := holding(t, reports, tt.members...).CopyOut(t.Context(), "/reports", filepath.Join(top, "a", "out"), tt.limits)
			if !errors.Is(err, docker.ErrUnsafe) {
				t.Errorf("got error %v, want ErrUnsafe", err)
			}
			if err != nil && strings.Contains(err.Error(), "lost") {
				t.Errorf("got error %v, which blames the engine", err)
			}
			for name, content := range tree(t, top) {
				if !strings.HasPrefix(name, "a/out/") && content != "whole" {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}

// Whatever lies in the folder already is no way out of it.
func TestCopyOutOntoLink(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "out")
	if err := errors.Join(
		os.WriteFile(filepath.Join(top, "victim"), []byte("whole"), 0o600),
		os.Mkdir(dir, 0o755),
		os.Symlink(filepath.Join(top, "victim"), filepath.Join(dir, "index.json")),
		os.Symlink(top, filepath.Join(dir, "sub")),
	); err != nil {
		t.Skipf("no links here: %v", err)
	}
	c := holding(t, reports, file("reports/index.json", "new"), file("reports/sub/victim", "evil"))
	if err := c.CopyOut(t.Context(), "/reports", dir, docker.Limits{}); err == nil {
		t.Error("a folder that leads out was used")
	}
	if got, err := os.ReadFile(filepath.Join(top, "victim")); err != nil || string(got) != "whole" {
		t.Errorf("victim: got %q, %v; want it untouched", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "index.json")); err != nil || string(got) != "new" {
		t.Errorf("index.json: got %q, %v; want the link replaced", got, err)
	}
}

func TestCopyOutCut(t *testing.T) {
	cut := member{Header: tar.Header{Name: "reports/a", Size: 1000}, content: "only this"}
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	if err := tw.WriteHeader(&cut.Header); err != nil {
		t.Fatal(err)
	}
	buf.WriteString(cut.content)
	c := create(t, &dockertest.API{OnCopyFrom: func(string, string) (io.ReadCloser, container.PathStat, error) {
		return io.NopCloser(&buf), reports, nil
	}})
	if err := c.CopyOut(t.Context(), "/reports", t.TempDir(), docker.Limits{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, want an unexpected end", err)
	}
}

func TestCopyOutAbsent(t *testing.T) {
	if err := holding(t, reports).CopyOut(t.Context(), "/absent", t.TempDir(), docker.Limits{}); !errors.Is(err, docker.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
}

func TestReadFile(t *testing.T) {
	plain := container.PathStat{Name: "f", Mode: 0o644}
	tests := []struct {
		name   string
		stat   container.PathStat
		member member
		want   string
		err    error
	}{
		{"file", plain, file("f", "abc"), "abc", nil},
		{"too long", plain, file("f", "abcd"), "", docker.ErrUnsafe},
		{"link", plain, link(tar.TypeSymlink, "f", "/etc/passwd"), "", docker.ErrUnsafe},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := holding(t, tt.stat, tt.member).ReadFile(t.Context(), "/f", 3)
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestCopyIn(t *testing.T) {
	got := map[string]string{}
	c := create(t, &dockertest.API{OnCopyTo: func(_, _ string, r io.Reader) error {
		for tr := tar.NewReader(r); ; {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := io.ReadAll(tr)
			if err != nil {
				return err
			}
			got[h.Name] = string(data)
		}
	}})
	if err := c.CopyIn(t.Context(), "/etc/x/", map[string][]byte{"a.json": []byte("{}"), "sub/b": []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, map[string]string{"etc/x/a.json": "{}", "etc/x/sub/b": "1"}); diff != "" {
		t.Errorf("archive (got, want):\n%s", diff)
	}
}
