package native

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
)

var (
	killMatrix = flag.String("kills.out", "", "play every mutant, and write which cases kill it to this `FILE`")
	killPasses = flag.Int("kills.passes", 3, "how often to play what has no verdict or one play only; 0 sums up what was played")
	killCells  = flag.String("kills.cells", "", "keep verdicts in this `FILE`, and play only what is not in it")
)

// A cell of the kill matrix is the verdict on a mutant in a case. Case is its id
// with its fingerprint, so that a case which changes is played again.
type cell struct {
	Mutant  string          `json:"m"` // role and name
	Case    string          `json:"c"`
	Verdict cases.Verdict   `json:"v"`
	Outcome harness.Outcome `json:"o"`
	Plays   int             `json:"n"`
}

func (c cell) key() string { return c.Mutant + " " + c.Case }

// kills reports whether the verdict tells the mutant from the conformant peer, whose
// verdict in a case of Autobahn is sound, nil for a case of ours. That a peer does not
// implement something is no fault.
func (c cell) kills(sound *golden) bool {
	switch {
	case !c.Outcome.Ran():
		return c.Outcome == harness.Crash || c.Outcome == harness.Timeout
	case c.Verdict.Behavior == cases.Unimplemented:
		return false
	case sound != nil:
		return c.Verdict.Behavior != sound.behavior || c.Verdict.Close != sound.close
	}
	return c.Verdict.Behavior != cases.OK
}

// A cellStore keeps what was played, so that an interrupted matrix goes on where it
// stopped.
type cellStore struct {
	mu   sync.Mutex // guards what follows
	have map[string]cell
	file *os.File
}

func openCells(t *testing.T, path string) *cellStore {
	t.Helper()
	s := &cellStore{have: map[string]cell{}}
	if path == "" {
		return s
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s.file = f
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c cell
		if json.Unmarshal(lines.Bytes(), &c) == nil { // the last line may be cut
			s.have[c.key()] = c
		}
	}
	return s
}

func (s *cellStore) get(key string) (cell, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.have[key]
	return c, ok
}

func (s *cellStore) put(t *testing.T, c cell) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have[c.key()] = c
	if s.file == nil {
		return
	}
	line, err := json.Marshal(c)
	if err == nil {
		_, err = s.file.Write(append(line, '\n'))
	}
	if err != nil {
		t.Error(err)
	}
}

// A batch is some of the cases that a mutant has to play.
type batch struct {
	m    mutants.Mutant
	role mutants.Roles
	list []cases.Case
}

func (b batch) cell(c cases.Case) string {
	return roleName(b.role) + "-" + b.m.Name + " " + string(c.ID) + "@" + prints()[c.ID]
}

// prints are the fingerprints of all cases.
var prints = sync.OnceValue(func() map[cases.ID]string {
	m := map[cases.ID]string{}
	for _, c := range catalogue.All() {
		m[c.ID] = cases.Fingerprint([]cases.Case{c})[:12]
	}
	return m
})

// TestKillMatrix plays every mutant in both roles: all cases of the RFC suite, and of
// Autobahn's a sample of those on record. A kill counts if it comes twice: the second
// time beside fewer others, since timers measure the machine too.
func TestKillMatrix(t *testing.T) {
	if *killMatrix == "" {
		t.Skip("asked for by -kills.out; see make kill-matrix")
	}
	lightSlots = make(chan struct{}, 512) // most plays wait
	store := openCells(t, *killCells)
	var suite []cases.Case
	for _, c := range rfc.All() {
		suite = append(suite, hurry(c))
	}
	var all []batch
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		for _, m := range mutants.Catalogue() {
			if !m.Roles.Has(role) {
				continue
			}
			_, differing := readGolden(t, m, role)
			list := sample(selected(t, m), differing)
			for _, c := range suite {
				if c.For(asCase(role)) {
					list = append(list, c)
				}
			}
			all = append(all, batch{m, role, list})
		}
	}
	sound := map[mutants.Roles]verdicts{}
	for role := range map[mutants.Roles]bool{mutants.Server: true, mutants.Client: true} {
		_, sound[role] = readGolden(t, mutants.Conformant, role)
	}
	crowds := []int{192, 32, 8}[:min(*killPasses, 3)]
	for pass, crowd := range crowds {
		var todo []batch
		for _, b := range all {
			b.list = slices.DeleteFunc(slices.Clone(b.list), func(c cases.Case) bool {
				had, ok := store.get(b.cell(c))
				return ok && (pass == 0 || had.Plays > 1 || !had.kills(sound[b.role][c.ID]))
			})
			for part := range slices.Chunk(b.list, 12) {
				todo = append(todo, batch{b.m, b.role, part})
			}
		}
		playBatches(t, store, todo, crowd, pass, len(crowds))
	}
	var rows []mutants.Kill
	for _, b := range all {
		rows = append(rows, killsOf(t, store, b, sound[b.role]))
	}
	if err := mutants.WriteKills(*killMatrix, rows); err != nil {
		t.Fatal(err)
	}
}

// playBatches plays what is to be played, so many mutants at once.
func playBatches(t *testing.T, store *cellStore, todo []batch, crowd, pass, passes int) {
	t.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, crowd)
	for _, b := range todo {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			got, err := playMutant(t.Context(), b.m, b.role, b.list, false)
			if err != nil && pass == passes-1 {
				t.Errorf("%s %s: %v", roleName(b.role), b.m.Name, err)
			}
			for _, c := range b.list {
				r, ok := got[c.ID]
				if !ok {
					continue
				}
				name, id, _ := strings.Cut(b.cell(c), " ")
				store.put(t, cell{name, id, cases.Verdict{Behavior: r.Behavior, Close: r.Close}, r.Outcome, pass + 1})
			}
		})
	}
	wg.Wait()
	t.Logf("pass %d: %d batches", pass+1, len(todo))
}

func asCase(role mutants.Roles) cases.Role {
	if role == mutants.Client {
		return cases.Client
	}
	return cases.Server
}

// killsOf sums up what the cells say about a mutant, and what Autobahn said.
func killsOf(t *testing.T, store *cellStore, b batch, sound verdicts) mutants.Kill {
	t.Helper()
	k := mutants.Kill{Mutant: b.m.Name, Role: roleName(b.role)}
	_, differing := readGolden(t, b.m, b.role)
	for id, v := range differing {
		was := sound[id]
		if v == nil || was == nil || v.behavior != cases.Unimplemented && (v.behavior != was.behavior || v.close != was.close) {
			k.Autobahn = append(k.Autobahn, string(id))
			k.AutobahnRed = k.AutobahnRed || v == nil || harness.OutcomeOf(cases.Verdict{Behavior: v.behavior, Close: v.close}) == harness.Fail
		}
	}
	for _, c := range b.list {
		got, ok := store.get(b.cell(c))
		if !ok || !got.kills(sound[c.ID]) {
			continue
		}
		k.Red = k.Red || got.Outcome == harness.Fail || !got.Outcome.Ran()
		if c.Suite == cases.RFC {
			k.RFC = append(k.RFC, string(c.ID))
		} else {
			k.Native = true
		}
	}
	for _, list := range [][]string{k.Autobahn, k.RFC} {
		slices.SortFunc(list, func(x, y string) int { return cases.ID(x).Compare(cases.ID(y)) })
	}
	return k
}
