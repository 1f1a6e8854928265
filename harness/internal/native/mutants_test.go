package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// everyCase makes TestMutants play all that is on record, which takes minutes.
// Without it each mutant plays a few of the cases that tell it from the
// conformant peer and a few that do not.
var everyCase = flag.Bool("mutants.all", false, "play every case that is on record against every mutant")

// A golden is Autobahn's verdict on a mutant in a case, with the code of the
// mutant's last close frame, nil for none. A nil golden: the case left no trace
// in the reports.
type golden struct {
	behavior cases.Behavior
	close    cases.CloseBehavior
	remote   *wsproto.StatusCode
}

func (g *golden) UnmarshalJSON(data []byte) error {
	fields := [...]any{&g.behavior, &g.close, &g.remote}
	return json.Unmarshal(data, &fields)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (g *golden) MarshalJSON() ([]byte, error) {
	return json.Marshal([...]any{g.behavior, g.close, g.remote})
}

func (g *golden) String() string {
	if g == nil {
		return "no result"
	}
	if g.remote == nil {
		return fmt.Sprintf("%s/%s without a code", g.behavior, g.close)
	}
	return fmt.Sprintf("%s/%s with %d", g.behavior, g.close, uint16(*g.remote))
}

// verdictOf is a result in the form of a golden.
func verdictOf(r harness.Result) *golden {
	if !r.Outcome.Ran() {
		return nil
	}
	g := &golden{behavior: r.Behavior, close: r.Close}
	if t := r.Transcript; t != nil && (t.RemoteCode != 0 || t.RemoteZero) {
		g.remote = &t.RemoteCode
	}
	return g
}

type verdicts map[cases.ID]*golden

const goldenDir = "testdata/mutants"

func goldenFile(role mutants.Roles, name string) string {
	return filepath.Join(goldenDir, roleName(role)+"-"+name+".json")
}

func roleName(role mutants.Roles) string {
	if role == mutants.Client {
		return "client"
	}
	return "server"
}

// readGolden reads what Autobahn says of a mutant: one file for each, which has
// only the cases in which the verdict differs from that on the conformant peer.
func readGolden(t *testing.T, m mutants.Mutant, role mutants.Roles) (want, differing verdicts) {
	t.Helper()
	read := func(name string) (v verdicts) {
		data, err := os.ReadFile(goldenFile(role, name))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = json.Unmarshal(data, &v)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	sound, differing := read(mutants.Conformant.Name), read(m.Name)
	if differing == nil {
		return nil, nil
	}
	want = verdicts{}
	for _, c := range selected(t, m) {
		want[c.ID] = sound[c.ID]
		if v, ok := differing[c.ID]; ok {
			want[c.ID] = v
		}
	}
	return want, differing
}

func selected(t *testing.T, m mutants.Mutant) []cases.Case {
	t.Helper()
	list, err := pattern.Select(catalogue.All(), m.Patterns(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// unrecorded are mutants that Autobahn has still to judge, in one of their roles.
var unrecorded []string

// stricter are mutants that show one of [Deviations]: Autobahn's verdicts on them prove
// nothing of ours.
var stricter = []string{"deflate-pads-ones"}

// An excuse names cases in which the closing half of the verdict may differ
// from Autobahn's, and why. The first half never may.
type excuse struct {
	mutant string
	cases  []string // patterns
	why    string
}

var excused = []excuse{
	{
		"deflate-marked-plain",
		[]string{"12.*", "13.*"},
		"what plain text inflates to by chance begins with a block marked as final, behind which we go on and Autobahn does not (Q32)",
	},
	{
		"deflate-octet-lost",
		[]string{"12.*"},
		"where the stream breaks depends on the text, and ours is not Autobahn's",
	},
	{
		"unmask-stops",
		[]string{"1.1.*"},
		"whether the few bytes that stay masked are UTF-8 is up to the random masking key, and with it whether the peer closes with 1007",
	},
}

// agree compares a verdict with Autobahn's.
func agree(m mutants.Mutant, c cases.Case, got, want *golden) bool {
	if got.String() == want.String() {
		return true
	}
	return got != nil && want != nil && got.behavior == want.behavior &&
		slices.ContainsFunc(excused, func(e excuse) bool {
			match, err := pattern.Select([]cases.Case{c}, e.cases, nil)
			return e.mutant == m.Name && err == nil && len(match) == 1
		})
}

// playsMany skips a test that plays hundreds of cases or starts containers, where short tests
// are asked for.
func playsMany(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("plays hundreds of cases")
	}
}

// TestMutants compares the verdicts on every mutant with Autobahn's.
func TestMutants(t *testing.T) {
	playsMany(t)
	var mu sync.Mutex // guards what follows
	var compared, peers int
	var crowded []*dispute
	var wg sync.WaitGroup
	peerSlots := make(chan struct{}, 96)
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		for _, m := range slices.Concat([]mutants.Mutant{mutants.Conformant, mutants.Chaos}, mutants.Catalogue()) {
			if !m.Roles.Has(role) || !wantsRecord(m) {
				continue
			}
			want, killers := readGolden(t, m, role)
			if want == nil {
				if !testing.Short() && !slices.Contains(unrecorded, m.Name) && !slices.Contains(stricter, m.Name) {
					t.Errorf("%s %s: Autobahn's verdicts are not on record", roleName(role), m.Name)
				}
				continue
			}
			list := selected(t, m)
			if !*everyCase {
				list = sample(list, killers)
			}
			peerSlots <- struct{}{}
			wg.Go(func() {
				defer func() { <-peerSlots }()
				d := &dispute{m: m, role: role, open: list, want: want}
				d.play(t)
				mu.Lock()
				defer mu.Unlock()
				peers++
				compared += len(list)
				if len(d.open) > 0 {
					crowded = append(crowded, d)
				}
			})
		}
	}
	wg.Wait()
	differing := 0
	for _, d := range crowded {
		for attempt := 0; len(d.open) > 0 && attempt < 3; attempt++ {
			d.play(t)
		}
		differing += len(d.open)
		for _, c := range d.open {
			r := d.got[c.ID]
			t.Errorf("%s %s, case %s: got %v, want %v\n%s", roleName(d.role), d.m.Name, c.ID, verdictOf(r), d.want[c.ID], wireLog(r))
		}
	}
	t.Logf("%d peers, %d verdicts compared, %d differ", peers, compared, differing)
}

// sample returns one case of each section and verdict that tell a mutant from
// the conformant peer, and one light case of each section that does not. Where
// a mutant fails in 9 and 10, limits of 10 s and more have to pass.
func sample(list []cases.Case, killers verdicts) []cases.Case {
	var few []cases.Case
	seen := map[string]bool{}
	for _, c := range list {
		v, kills := killers[c.ID]
		section := c.ID.Section()
		key := fmt.Sprint(section, kills, v)
		if section != "9" && section != "10" && !seen[key] && (kills || !c.Heavy()) {
			seen[key] = true
			few = append(few, c)
		}
	}
	return few
}

// A dispute is what a mutant's verdicts and Autobahn's may differ in. All mutants
// at once are a crowd in which timers measure the machine, so what differs there
// is played again, one mutant at a time.
type dispute struct {
	m    mutants.Mutant
	role mutants.Roles
	open []cases.Case // that are to be played; then those that differ
	want verdicts
	got  map[cases.ID]harness.Result
}

func (d *dispute) play(t *testing.T) {
	t.Helper()
	got, err := playMutant(t.Context(), d.m, d.role, d.open, false)
	if err != nil {
		t.Errorf("%s %s: %v", roleName(d.role), d.m.Name, err)
	}
	d.got = got
	d.open = slices.DeleteFunc(slices.Clone(d.open), func(c cases.Case) bool {
		return agree(d.m, c, verdictOf(got[c.ID]), d.want[c.ID])
	})
}

// lightSlots and heavySlots bound the cases under way against mutants. Most of
// the light ones wait.
var (
	lightSlots = make(chan struct{}, 64)
	heavySlots = make(chan struct{}, 4)
)

// playMutant plays the cases against a mutant in a role, the light ones at once
// if it is a server.
func playMutant(ctx context.Context, m mutants.Mutant, role mutants.Roles, list []cases.Case, faithful bool) (map[cases.ID]harness.Result, error) {
	parent := ctx
	ctx, cancel := context.WithCancel(ctx)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return nil, err
	}
	m, scheme, serve := equipped(m, list)
	over := slices.ContainsFunc(list, func(c cases.Case) bool { return slices.Contains(c.Needs, cases.NeedHTTP2) })
	over3 := slices.ContainsFunc(list, func(c cases.Case) bool { return slices.Contains(c.Needs, cases.NeedHTTP3) })
	if over3 {
		l.Close()
		if l, err = h3.Listen("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{testPair()}}); err != nil {
			cancel()
			return nil, err
		}
		m, scheme, serve = m.OverHTTP3(), "wss", m.OverHTTP3().Serve
	}
	if role == mutants.Client && slices.ContainsFunc(list, func(c cases.Case) bool { return slices.Contains(c.Needs, cases.NeedURL) }) {
		cancel()
		l.Close()
		return playOneShot(parent, m, list)
	}
	if role == mutants.Client && scheme == "wss" && !over3 {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{testPair()}})
	}
	streams := NewStreams(nil)
	results := map[cases.ID]harness.Result{}
	served := make(chan error, 1)
	if role == mutants.Client {
		e := &Endpoint{
			List: list, Faithful: faithful, Streams: streams, HTTP2: over,
			Result: func(_ string, r harness.Result) { results[r.Case] = r },
		}
		go func() { served <- e.Serve(ctx, l) }()
		err = m.Drive(ctx, scheme+"://"+l.Addr().String(), m.Name)
		cancel()
		return results, cmp.Or(err, errors.Join(<-served, streams.Close()))
	}
	go func() { served <- serve(ctx, l) }()
	target := Target{URL: &url.URL{Scheme: scheme, Host: l.Addr().String(), Path: "/"}, TLS: &tls.Config{InsecureSkipVerify: true}}
	target.HTTP2, target.HTTP3 = over, over3
	var mu sync.Mutex // guards results
	var wg sync.WaitGroup
	for _, c := range list {
		slots := lightSlots
		if c.Heavy() {
			slots = heavySlots
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := target.playServer(ctx, c, manner{faithful: faithful, streams: streams})
			mu.Lock()
			defer mu.Unlock()
			results[c.ID] = r
		})
	}
	wg.Wait()
	cancel()
	return results, errors.Join(<-served, streams.Close())
}

// testPair is the certificate of servers in tests.
var testPair = sync.OnceValue(func() tls.Certificate {
	pair, _, err := Certificate()
	if err != nil {
		panic(err)
	}
	return pair
})

// equipped is the mutant with what the cases need, the scheme by which it is reached, and
// how it serves.
func equipped(m mutants.Mutant, list []cases.Case) (mutants.Mutant, string, func(context.Context, net.Listener) error) {
	needs := func(need cases.Need) bool {
		return slices.ContainsFunc(list, func(c cases.Case) bool { return slices.Contains(c.Needs, need) })
	}
	if needs(cases.NeedLimit) {
		m = m.Limited(1 << 20)
	}
	if slices.ContainsFunc(cases.ControlNeeds, needs) {
		m = m.Obedient()
	}
	if needs("twice") {
		m = m.Twice()
	}
	if needs(cases.NeedHTTP2) {
		m = m.OverHTTP2()
	}
	if needs(cases.NeedTLS) {
		return m, "wss", func(ctx context.Context, l net.Listener) error { return m.ServeTLS(ctx, l, testPair()) }
	}
	return m, "ws", m.Serve
}

// TestGoldenNames finds files of mutants that are no more.
func TestGoldenNames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		role, name, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		m, ok := mutants.Find(name)
		want := mutants.Server
		if role == "client" {
			want = mutants.Client
		}
		if !ok || !m.Roles.Has(want) {
			t.Errorf("%s: there is no such %s", filepath.Base(file), role)
		}
	}
}
