package native

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A fact is what Autobahn was observed to say of an odd peer: both halves of the
// verdict, the codes of the peer's and of its own close frame (nil is none), and
// the flags of its connection model that were set: c closed, f failed, d dropped
// by it, w a clean end, S the server kept TCP, H no answer to its close.
type fact struct {
	behavior      cases.Behavior
	close         cases.CloseBehavior
	remote, local *wsproto.StatusCode
	flags         string
}

func (f *fact) UnmarshalJSON(data []byte) error {
	fields := [...]any{&f.behavior, &f.close, &f.remote, &f.local, &f.flags}
	return json.Unmarshal(data, &fields)
}

func (f fact) String() string {
	code := func(c *wsproto.StatusCode) string {
		if c == nil {
			return "none"
		}
		return fmt.Sprint(uint16(*c))
	}
	return fmt.Sprintf("%s/%s remote %s local %s flags %s", f.behavior, f.close, code(f.remote), code(f.local), f.flags)
}

// seen is what the native engine has to say, in the form of a fact.
func seen(r harness.Result) fact {
	t := r.Transcript
	f := fact{behavior: r.Behavior, close: r.Close}
	if t.RemoteCode != 0 || t.RemoteZero {
		f.remote = &t.RemoteCode
	}
	if t.LocalCode != 0 {
		f.local = &t.LocalCode
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{t.ClosedByUs, "c"},
		{t.FailedByUs, "f"},
		{t.DroppedByUs, "d"},
		{t.Clean, "w"},
		{t.ServerDropExpiry, "S"},
		{t.CloseTimeout, "H"},
	} {
		if flag.set {
			f.flags += flag.name
		}
	}
	return f
}

// settledEarly names the rows whose flags may differ, by testee and case ("*"
// is any), and why. The flags listed are left out of the comparison; the
// verdict and the codes never are.
var settledEarly = []struct {
	testee, id string
	fast       bool // only without Faithful
	flags      string
	why        string
}{
	{"closeinstead", "5.3", false, "d", "the original waits for ever, so the row was ended by hand; we drop TCP (Q1)"},
	{"closeinstead", "1.1.6", false, "f", "the original waits 10 s for its limit; we drop TCP after 1 s (Q1)"},
	{"closeinstead", "1.1.1", true, "f", "the verdict stands when the peer closes first; the original waits for its limit (R7)"},
	{"closedrop", "*", true, "d", "when the verdict stands we drop TCP, which is when the peer does (R7)"},
}

// compare says what differs, apart from the flags that may.
func (f fact) compare(want fact, testee string, id cases.ID, faithful bool) string {
	if f.local == nil && want.local != nil && *want.local == 0 {
		f.local = want.local // a transcript does not tell a code 0 of ours from none
	}
	for _, e := range settledEarly {
		if e.testee == testee && (e.id == string(id) || e.id == "*") && !(e.fast && faithful) {
			f.flags, want.flags = without(f.flags, e.flags), without(want.flags, e.flags)
		}
	}
	if f.String() == want.String() {
		return ""
	}
	return fmt.Sprintf("got %v, want %v", f, want)
}

func without(flags, drop string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(drop, r) {
			return -1
		}
		return r
	}, flags)
}

// TestObserved plays the odd peers whose verdicts by the original are on
// record, and wants the same: with our shortened waits and, unless -short, with
// the original's.
func TestObserved(t *testing.T) {
	playsMany(t)
	data, err := os.ReadFile("testdata/observed.json")
	if err != nil {
		t.Fatal(err)
	}
	var facts map[string]map[cases.ID]fact
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, list := range facts {
		rows += len(list)
	}
	if rows != 351 {
		t.Fatalf("got %d rows, want 351", rows)
	}
	// Not by t.Parallel, which is bounded by the processors: these wait.
	var wg sync.WaitGroup
	var list []*observation
	for testee, want := range facts {
		m, ok := mutants.Find(testee)
		if !ok {
			t.Errorf("there is no mutant %q", testee)
			continue
		}
		for _, faithful := range []bool{false, true} {
			if faithful && testing.Short() {
				continue
			}
			o := &observation{m: m, want: want, faithful: faithful, open: casesOf(want)}
			if len(o.open) != len(want) {
				t.Errorf("%s: got %d cases, want %d", testee, len(o.open), len(want))
			}
			list = append(list, o)
			wg.Go(func() { o.play(t) })
		}
	}
	wg.Wait()
	for _, o := range list {
		for attempt := 0; len(o.open) > 0 && attempt < 3; attempt++ {
			o.play(t)
		}
		for _, c := range o.open {
			t.Errorf("%s, case %s, faithful=%v: %s\n%s", o.m.Name, c.ID, o.faithful, o.differs(c), wireLog(o.got[c.ID]))
		}
	}
}

// An observation is the comparison with one testee. What differs while all of
// them play at once, when timers measure the machine, is played again alone.
type observation struct {
	m        mutants.Mutant
	want     map[cases.ID]fact
	faithful bool
	open     []cases.Case // that are to be played; then those that differ
	got      map[cases.ID]harness.Result
}

func (o *observation) play(t *testing.T) {
	t.Helper()
	got, err := playMutant(t.Context(), o.m, o.m.Roles, o.open, o.faithful)
	if err != nil {
		t.Errorf("%s: %v", o.m.Name, err)
	}
	o.got = got
	o.open = slices.DeleteFunc(slices.Clone(o.open), func(c cases.Case) bool { return o.differs(c) == "" })
}

// differs says what differs from the facts.
func (o *observation) differs(c cases.Case) string {
	r := o.got[c.ID]
	if r.Transcript == nil {
		return fmt.Sprintf("got no transcript: %s %s", r.Outcome, r.Note)
	}
	return seen(r).compare(o.want[c.ID], o.m.Name, c.ID, o.faithful)
}

// casesOf returns the cases that are keys of the map, in order.
func casesOf[V any](m map[cases.ID]V) []cases.Case {
	var list []cases.Case
	for _, c := range catalogue.All() {
		if _, ok := m[c.ID]; ok {
			list = append(list, c)
		}
	}
	return list
}

// wireLog is the beginning of a transcript's log, for messages.
func wireLog(r harness.Result) string {
	if r.Transcript == nil {
		return ""
	}
	var b strings.Builder
	for i, e := range r.Transcript.Log {
		switch {
		case i == 12:
			b.WriteString("\t…\n")
			return b.String()
		case e.Kind == transcript.LogNote:
			fmt.Fprintf(&b, "\t%v %s\n", e.At, e.Note)
		default:
			fmt.Fprintf(&b, "\t%v %s %v fin=%v rsv=%d len=%d %.40q\n", e.At, e.Dir, e.Opcode, e.Fin, e.RSV, e.Len, []byte(e.Data))
		}
	}
	return b.String()
}
