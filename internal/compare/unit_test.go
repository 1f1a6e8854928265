package compare_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/runfile"
)

// divided is a comparison of one agent as a server, in two shards, and who plays them.
func divided(t *testing.T, r *compare.Runner, a agentfile.Agent) (*compare.Division, *compare.Player) {
	t.Helper()
	r.Selection.Catalogue = cases.Fingerprint(catalogue.Of(cases.Autobahn))
	rows := compare.Rows([]agentfile.Agent{a}, []cases.Role{cases.Server}, []engine.Engine{native(t)})
	d, err := r.Divide(t.Context(), rows, compare.DivideOptions{Shards: 2, Isolation: compare.NoIsolation})
	if err != nil {
		t.Fatal(err)
	}
	return d, &compare.Player{
		Workshop: r.Workshop,
		Agent:    func(compare.Unit) (agentfile.Agent, error) { return a, nil },
		Open:     func(context.Context, string) (engine.Engine, error) { return native(t), nil },
	}
}

func open(d *compare.Division) (list []compare.Unit) {
	for u := range d.Open {
		list = append(list, u)
	}
	return list
}

// Shards that were played elsewhere make one row, in any order, and are not asked for
// again.
func TestUnits(t *testing.T) {
	r := runner(t)
	a := agent(t, server)
	d, p := divided(t, r, a)
	units := open(d)
	if len(units) != 2 || units[0].Name() == units[1].Name() {
		t.Fatalf("got the units %+v, want two", units)
	}
	parts := map[string][]byte{}
	for _, u := range units {
		data, err := p.Play(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		parts[u.Name()] = data
	}
	if err := d.Accept(units[1].Name(), "w", parts[units[1].Name()]); err != nil {
		t.Fatal(err)
	}
	d.Close() // the server is killed here
	d, _ = divided(t, r, a)
	if left := open(d); len(left) != 1 || left[0].Name() != units[0].Name() {
		t.Fatalf("after a part: got %d units, want the other one", len(left))
	}
	if err := d.Accept(units[0].Name(), "w", parts[units[0].Name()]); err != nil {
		t.Fatal(err)
	}
	if got := d.Done()[0]; got.State != runfile.Complete || got.Counts[harness.Pass] != 4 || got.Worker != "w" {
		t.Errorf("got %s, %v by %q; want a complete run of 4", got.State, got.Counts, got.Worker)
	}
	if left, _ := filepath.Glob(filepath.Join(r.Dir, "parts", "*")); len(left) > 0 {
		t.Errorf("parts are left: %v", left)
	}
	d.Close()
	d, _ = divided(t, r, a)
	defer d.Close()
	if left := open(d); len(left) != 0 || !d.Done()[0].Kept {
		t.Errorf("after all: got %d units, kept %t; want the row kept", len(left), d.Done()[0].Kept)
	}
}

// A unit that nobody played leaves a row that says why, also if the agent says another
// version than its folder.
func TestUnitGivenUp(t *testing.T) {
	r := runner(t)
	d, p := divided(t, r, agent(t, server+"\nprobe: [echo, v2]"))
	defer d.Close()
	units := open(d)
	data, err := p.Play(t.Context(), units[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Accept(units[0].Name(), "w", data), d.GiveUp(units[1].Name(), "no worker has it")); err != nil {
		t.Fatal(err)
	}
	if got := d.Done()[0]; got.State == runfile.Complete || got.Counts[harness.Pass] != 2 || !strings.Contains(got.Error, "no worker has it") {
		t.Errorf("got %s, %v, %q; want 2 cases and the reason", got.State, got.Counts, got.Error)
	}
}

// Shards that do not belong together leave a row that says so, and no comparison without
// the other rows.
func TestUnitsDiffer(t *testing.T) {
	r := runner(t)
	d, p := divided(t, r, agent(t, server))
	defer d.Close()
	for i, u := range open(d) {
		data, err := p.Play(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		list := files(t, data)
		for name, text := range list {
			list[name] = strings.Replace(text, `"version":"1"`, fmt.Sprintf(`"version":"%d"`, i+1), 1)
		}
		if err := d.Accept(u.Name(), "w", archive(t, list)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.Done()[0]; got.State != runfile.Invalid || !strings.Contains(got.Error, "different agents") {
		t.Errorf("got %s, %q; want an invalid row and the reason", got.State, got.Error)
	}
}

// A worker whose agent or catalogue is another one plays nothing.
func TestUnitOfAnother(t *testing.T) {
	r := runner(t)
	d, p := divided(t, r, agent(t, server))
	defer d.Close()
	u := open(d)[0]
	var strange *compare.StrangeError
	changed := u
	changed.Digest = strings.Repeat("0", 64)
	if _, err := p.Play(t.Context(), changed); !errors.As(err, &strange) || !strings.Contains(err.Error(), "agent sh-x") {
		t.Errorf("another agent: got %v", err)
	}
	changed = u
	changed.Shard, changed.Selection.Catalogue = nil, "another"
	if _, err := p.Play(t.Context(), changed); !errors.As(err, &strange) || !strings.Contains(err.Error(), "catalogue") {
		t.Errorf("another catalogue: got %v", err)
	}
	changed.Shard, changed.Selection.Selected = u.Shard, []cases.ID{"99.1"}
	if _, err := p.Play(t.Context(), changed); err == nil {
		t.Error("a case that is not there: got no error")
	}
}

// files reads an archive of a unit.
func files(t *testing.T, data []byte) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		list[h.Name] = string(text)
	}
}

func archive(t *testing.T, list map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(list)) {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(list[name]))})
		if err == nil {
			_, err = io.WriteString(w, list[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A result that is not what was asked for does not count, whatever is wrong with it. A
// clock that is wrong by years is no reason.
func TestLyingWorkers(t *testing.T) {
	r := runner(t)
	d, p := divided(t, r, agent(t, server))
	defer d.Close()
	units := open(d)
	data, err := p.Play(t.Context(), units[0])
	if err != nil {
		t.Fatal(err)
	}
	const file = "runs/sh-x-server-native.jsonl"
	replaced := func(old, by string) []byte {
		list := files(t, data)
		if !strings.Contains(list[file], old) {
			t.Fatalf("no %s in the run file:\n%s", old, list[file])
		}
		list[file] = strings.ReplaceAll(list[file], old, by)
		return archive(t, list)
	}
	added := func(name, text string) []byte {
		list := files(t, data)
		list[name] = text
		return archive(t, list)
	}
	cut := strings.TrimSpace(files(t, data)[file])
	cut = cut[:strings.LastIndexByte(cut, '\n')+1]
	for _, row := range []struct {
		name string
		data []byte
		want string
	}{
		{"no archive", []byte("hello, this is no archive"), "gzip"},
		{"nothing in it", archive(t, nil), "no run file"},
		{"no run file", added(file, "hello\n"), "not a line of a run file"},
		{"another digest", replaced(units[0].Digest, strings.Repeat("0", 64)), "another agent"},
		{"another role", replaced(`"role":"server"`, `"role":"client"`), "another role"},
		{"another engine", replaced(`"engine":{"name":"native"`, `"engine":{"name":"guess"`), "another engine"},
		{"another catalogue", replaced(units[0].Selection.Catalogue, strings.Repeat("0", 64)), "other cases"},
		{"another shard", replaced(`"shard":{"index":1`, `"shard":{"index":2`), "another shard"},
		{"a case too many", replaced(`"case":"1.1.1"`, `"case":"1.1.3"`), "1.1.3, which was not asked for"},
		{"cut off", added(file, cut), "has no end"},
		{"a path out of it", added("runs/../../x.jsonl", "x"), "is not expected"},
		{"a hidden file", added("runs/.bashrc", "x"), "is not expected"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := d.Accept(units[0].Name(), "liar", row.data); !errors.Is(err, compare.ErrUnlike) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %v with %q", err, compare.ErrUnlike, row.want)
			}
		})
	}
	if left := len(open(d)); left != 2 {
		t.Fatalf("%d units are open, want both", left)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "parts")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part is there: %v", err)
	}
	now := fmt.Sprintf(`"started":"%d-`, time.Now().UTC().Year())
	if err := d.Accept(units[0].Name(), "w", replaced(now, `"started":"1999-`)); err != nil {
		t.Errorf("another clock: %v", err)
	}
}
