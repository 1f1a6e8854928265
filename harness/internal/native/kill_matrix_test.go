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
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

var (
	killMatrix  = flag.String("kills.out", "", "play every mutant, and write which cases kill it to this `FILE`")
	killPasses  = flag.Int("kills.passes", 3, "how often to play what has no verdict or one play only; 0 sums up what was played")
	killCases   = flag.String("kills.cases", "", "play these `PATTERNS` of cases alone, with commas between them")
	killMutants = flag.String("kills.mutants", "", "play the mutants with these `NAMES` alone, with commas between them")
	killAll     = flag.Bool("kills.all", false, "play every light case against every mutant, not those about what it breaks")
	killCells   = flag.String("kills.cells", "", "keep verdicts in this `FILE`, and play only what is not in it")
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

// kills reports whether the verdict tells the mutant from the conformant peer, which
// passes. That a peer does not implement something is no fault.
func (c cell) kills() bool {
	if !c.Outcome.Ran() {
		return c.Outcome == harness.Crash || c.Outcome == harness.Timeout
	}
	return c.Verdict.Behavior != cases.Unimplemented && c.Verdict.Behavior != cases.OK
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

// partial reports whether some cases or some mutants are to be played alone.
func partial() bool { return *killCases != "" || *killMutants != "" }

// inMatrix reports whether the case, and mutantInMatrix whether the mutant, is to be played.
func inMatrix(c cases.Case) bool { return selects(*killCases, c) }

// selects reports whether one of the patterns, with commas between them, selects the case.
func selects(patterns string, c cases.Case) bool {
	list := strings.Split(patterns, ",")
	return patterns == "" || len(pattern.Unmatched([]cases.Case{c}, list)) < len(list)
}

func mutantInMatrix(name string) bool {
	return *killMutants == "" || slices.Contains(strings.Split(*killMutants, ","), name)
}

// suited reports whether the kill matrix plays the case against the mutant at first: it
// tests what the mutant breaks. Cases that move megabytes or last meet only the mutants
// that they are known to kill.
func suited(c cases.Case, m mutants.Mutant) bool {
	return alike(c, m) && (slices.Contains(killers[c.ID], m.Name) || !c.Heavy() && !c.Slow && (*killAll ||
		slices.ContainsFunc(m.Breaks, func(id string) bool { return slices.Contains(c.Requirements, id) })))
}

// alike reports whether both are about HTTP/2, or about HTTP/3, or neither is about either.
func alike(c cases.Case, m mutants.Mutant) bool {
	is := func(list []mutants.Mutant) bool {
		return slices.ContainsFunc(list, func(o mutants.Mutant) bool { return o.Name == m.Name })
	}
	return is(mutants.HTTP2()) == slices.Contains(c.Needs, cases.NeedHTTP2) && is(mutants.HTTP3()) == slices.Contains(c.Needs, cases.NeedHTTP3)
}

// inMatrixAll are the mutants of the matrix, in its order.
func inMatrixAll() []mutants.Mutant {
	return slices.Concat(mutants.Catalogue(), mutants.HTTP2(), mutants.HTTP3())
}

// TestKillMatrix plays every mutant in both roles, and every mutant gateway: the cases of
// the RFC suite about what it breaks and, where none of them kills it or with -kills.all,
// all that are light. A kill counts if it comes twice: the second time beside fewer others,
// since timers measure the machine too. With -kills.cases or -kills.mutants it plays these
// alone, and the rest stays as it is stored. Autobahn's cases are not played: TestMutants
// sees to it that our verdicts in them are those on record. With -mutants.serve, workers play
// the mutants; gateways are played here.
func TestKillMatrix(t *testing.T) {
	if *killMatrix == "" {
		t.Skip("asked for by -kills.out; see make kill-matrix")
	}
	lightSlots = make(chan struct{}, 512) // most plays wait
	store := openCells(t, *killCells)
	suite := killSuite(*killCases)
	var all []batch
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		for _, m := range inMatrixAll() {
			if m.Roles.Has(role) && mutantInMatrix(m.Name) {
				all = append(all, killBatch(m, role, suite))
			}
		}
	}
	if *serveMutants != "" {
		shareKills(t, store, all)
		*killPasses = 0
	}
	playMatrix(t, store, all, suite, *killCases != "")
	var rows []mutants.Kill
	for _, b := range all {
		rows = append(rows, killsOf(t, store, b))
	}
	rows = append(rows, gatewayKills(t)...)
	var ids []string
	for _, c := range catalogue.All() {
		if c.Suite != cases.RFC || inMatrix(c) || slices.Contains(mutants.KillCases(), string(c.ID)) {
			ids = append(ids, string(c.ID))
		}
	}
	if err := mutants.WriteKills(*killMatrix, ids, withStored(rows)); err != nil {
		t.Fatal(err)
	}
}

// killSuite are the cases of the RFC suite that these patterns select; all of them if there
// are none.
func killSuite(patterns string) (suite []cases.Case) {
	for _, c := range rfc.All() {
		if selects(patterns, c) {
			suite = append(suite, hurry(c))
		}
	}
	return suite
}

// killBatch is what the matrix plays against a mutant at first.
func killBatch(m mutants.Mutant, role mutants.Roles, suite []cases.Case) batch {
	list := slices.DeleteFunc(slices.Clone(suite), func(c cases.Case) bool { return !c.For(asCase(role)) || !suited(c, m) })
	return batch{m, role, list}
}

// playMatrix plays the batches and, unless only some cases are to be played, all light cases
// against the mutants that none has killed. Their batches then have those.
func playMatrix(t *testing.T, store *cellStore, all []batch, suite []cases.Case, some bool) {
	t.Helper()
	playTwice(t, store, all)
	if some {
		return
	}
	var rest []batch
	for i, b := range all {
		if len(killsOf(t, store, b).RFC) > 0 {
			continue
		}
		all[i].list = slices.DeleteFunc(slices.Clone(suite), func(c cases.Case) bool {
			return !c.For(asCase(b.role)) || !alike(c, b.m) || !suited(c, b.m) && (c.Heavy() || c.Slow)
		})
		rest = append(rest, all[i])
	}
	t.Logf("%d mutants are killed by no case about what they break", len(rest))
	playTwice(t, store, rest)
}

// playTwice plays what is not in the store, and what kills a second time.
func playTwice(t *testing.T, store *cellStore, all []batch) {
	t.Helper()
	crowds := []int{192, 32, 8}[:min(*killPasses, 3)]
	for pass, crowd := range crowds {
		var todo, heavy []batch
		for _, b := range all {
			b.list = slices.DeleteFunc(slices.Clone(b.list), func(c cases.Case) bool {
				had, ok := store.get(b.cell(c))
				return ok && (pass == 0 || had.Plays > 1 || !had.kills())
			})
			for part := range slices.Chunk(slices.DeleteFunc(slices.Clone(b.list), cases.Case.Heavy), 12) {
				todo = append(todo, batch{b.m, b.role, part})
			}
			for _, c := range b.list {
				if c.Heavy() {
					heavy = append(heavy, batch{b.m, b.role, []cases.Case{c}})
				}
			}
		}
		playBatches(t, store, todo, crowd, pass, len(crowds))
		playBatches(t, store, heavy, cap(heavySlots), pass, len(crowds))
	}
}

// withStored adds to rows what is stored of mutants and cases that were not played.
func withStored(rows []mutants.Kill) []mutants.Kill {
	if !partial() {
		return rows
	}
	fresh := map[string]mutants.Kill{}
	for _, k := range rows {
		fresh[k.Role+" "+k.Mutant] = k
	}
	stored := map[string]mutants.Kill{}
	for _, k := range mutants.Kills() {
		stored[k.Role+" "+k.Mutant] = k
	}
	var all []mutants.Kill
	for _, name := range rowNames() {
		old, had := stored[name]
		k, played := fresh[name]
		switch {
		case !played && !had:
			continue // a mutant that nobody has played yet
		case !played:
			k = old
		case had && *killCases != "":
			k.RFC = append(k.RFC, slices.DeleteFunc(slices.Clone(old.RFC), func(id string) bool {
				c, ok := rfc.Find(cases.ID(id))
				return !ok || inMatrix(c)
			})...)
			k.Native, k.Red = old.Native, k.Red || old.Red
			slices.SortFunc(k.RFC, func(x, y string) int { return cases.ID(x).Compare(cases.ID(y)) })
		}
		all = append(all, k)
	}
	return all
}

// rowNames are role and name of every row of the matrix, in its order.
func rowNames() []string {
	var names []string
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		for _, m := range inMatrixAll() {
			if m.Roles.Has(role) {
				names = append(names, roleName(role)+" "+m.Name)
			}
		}
	}
	for _, m := range gateway.Catalogue {
		names = append(names, "gateway "+m.Name)
	}
	return names
}

// gatewayKills are the rows of the mutant gateways. What fails is played twice.
func gatewayKills(t *testing.T) []mutants.Kill {
	t.Helper()
	list := slices.DeleteFunc(gatewayCases(), func(c cases.Case) bool { return !inMatrix(c) })
	rows := make([]mutants.Kill, len(gateway.Catalogue))
	slots := make(chan struct{}, 32) // they mostly wait
	var wg sync.WaitGroup
	for i, m := range gateway.Catalogue {
		rows[i] = mutants.Kill{Mutant: m.Name, Role: "gateway"}
		if len(list) == 0 || !mutantInMatrix(m.Name) {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			played := list
			for range 2 {
				k := mutants.Kill{Mutant: m.Name, Role: "gateway"}
				for id, r := range behind(t, m, played) {
					if r.Behavior != cases.OK {
						k.RFC = append(k.RFC, string(id))
						k.Red = k.Red || r.Outcome == harness.Fail || !r.Outcome.Ran()
					}
				}
				rows[i] = k
				played = slices.DeleteFunc(slices.Clone(played), func(c cases.Case) bool { return !slices.Contains(k.RFC, string(c.ID)) })
				if len(played) == 0 {
					break
				}
			}
			slices.SortFunc(rows[i].RFC, func(x, y string) int { return cases.ID(x).Compare(cases.ID(y)) })
		})
	}
	wg.Wait()
	return slices.DeleteFunc(rows, func(k mutants.Kill) bool { return len(list) == 0 || !mutantInMatrix(k.Mutant) })
}

// The stored matrix has a row for every mutant in each of its roles, and knows every case.
func TestKillMatrixFresh(t *testing.T) {
	have := map[string]bool{}
	for _, k := range mutants.Kills() {
		have[k.Role+" "+k.Mutant] = true
	}
	var absent []string
	for _, name := range rowNames() {
		if !have[name] {
			_, mutant, _ := strings.Cut(name, " ")
			absent = append(absent, mutant)
		}
	}
	if len(absent) > 0 {
		t.Errorf("the stored kill matrix has no row for %d mutants: make kill-matrix MUTANTS=%s", len(absent), strings.Join(slices.Compact(absent), ","))
	}
	absent = nil
	for _, c := range catalogue.All() {
		if !slices.Contains(mutants.KillCases(), string(c.ID)) {
			absent = append(absent, string(c.ID))
		}
	}
	if len(absent) > 0 {
		t.Errorf("the stored kill matrix does not know %d cases: make kill-matrix CASES=%s", len(absent), strings.Join(absent, ","))
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
func killsOf(t *testing.T, store *cellStore, b batch) mutants.Kill {
	t.Helper()
	k := mutants.Kill{Mutant: b.m.Name, Role: roleName(b.role)}
	_, sound := readGolden(t, mutants.Conformant, b.role)
	_, differing := readGolden(t, b.m, b.role)
	for id, v := range differing {
		was := sound[id]
		if v == nil || was == nil || v.behavior != cases.Unimplemented && (v.behavior != was.behavior || v.close != was.close) {
			k.Autobahn = append(k.Autobahn, string(id))
			k.AutobahnRed = k.AutobahnRed || v == nil || harness.OutcomeOf(cases.Verdict{Behavior: v.behavior, Close: v.close}) == harness.Fail
		}
	}
	k.Native, k.Red = len(k.Autobahn) > 0, k.AutobahnRed
	for _, c := range b.list {
		got, ok := store.get(b.cell(c))
		if !ok || !got.kills() {
			continue
		}
		k.Red = k.Red || got.Outcome == harness.Fail || !got.Outcome.Ran()
		k.RFC = append(k.RFC, string(c.ID))
	}
	for _, list := range [][]string{k.Autobahn, k.RFC} {
		slices.SortFunc(list, func(x, y string) int { return cases.ID(x).Compare(cases.ID(y)) })
	}
	return k
}
