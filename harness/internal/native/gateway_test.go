package native

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/transcript"
)

var everyGatewayCase = flag.Bool("gateway.all", false, "play every case against every mutant gateway, not those that are known to kill it")

var onlyGateway = flag.String("gateway.only", "", "play this mutant gateway alone")

// fast is how many times as fast the slow cases are played, and the timers of the mutants
// that they are for.
const fast = 20

// faster is a slow case in less time.
func faster(c cases.Case) cases.Case {
	if !c.Slow {
		return c
	}
	c = c.Clone()
	for _, conn := range c.Conns {
		for i, step := range conn.Steps {
			switch step := step.(type) {
			case cases.Pause:
				step.For /= fast
				conn.Steps[i] = step
			case cases.Await:
				step.For = max(step.For/fast, 5*time.Second)
				conn.Steps[i] = step
			}
		}
	}
	return c
}

// gatewayCases are those for gateways, the slow ones faster.
func gatewayCases() []cases.Case {
	list := slices.DeleteFunc(rfc.All(), func(c cases.Case) bool {
		return !c.For(cases.Gateway) || *onlyCases != "" && len(pattern.Unmatched([]cases.Case{c}, []string{*onlyCases})) > 0
	})
	for i, c := range list {
		list[i] = faster(c)
	}
	return list
}

// crowds keeps gateways with a thousand connections apart: each takes four file
// descriptors of this process.
var crowds sync.Mutex

// behind plays cases through a mutant gateway: in a process of its own if its memory is what
// is wrong with it, else in this one.
func behind(t *testing.T, m gateway.Mutant, list []cases.Case) map[cases.ID]harness.Result {
	t.Helper()
	if m.Name == "keeps-all" {
		return behindProcess(t, m, list)
	}
	return behindHere(t, m, list)
}

// behindHere plays cases through a mutant gateway in this process.
func behindHere(t *testing.T, m gateway.Mutant, list []cases.Case) map[cases.ID]harness.Result {
	t.Helper()
	front, back := loopback(t), loopback(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := gateway.Serve(ctx, front, back.Addr().String(), m.Faster(fast)); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	if slices.ContainsFunc(list, func(c cases.Case) bool { return c.Conns[0].Crowd > 0 }) {
		crowds.Lock()
		defer crowds.Unlock()
	}
	g := Gateway{Target: Target{URL: &url.URL{Scheme: "ws", Host: front.Addr().String(), Path: "/"}}, Origin: back}
	results := map[cases.ID]harness.Result{}
	if err := TestGateway(t.Context(), g, list, Options{}, func(r harness.Result) { results[r.Case] = r }); err != nil {
		results["greeting"] = harness.Result{Case: "greeting", Outcome: harness.Fail, Note: err.Error()}
	}
	return results
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A sound gateway passes every case, and so does each without a gateway, but for what a
// gateway has to remove.
func TestGatewayPlain(t *testing.T) {
	playsMany(t)
	t.Parallel()
	list := gatewayCases()
	results := behind(t, gateway.Plain, list)
	for _, c := range list {
		r, ok := results[c.ID]
		if !ok {
			t.Fatalf("case %s was not played: %v", c.ID, results["greeting"].Note)
		}
		if r.Outcome != harness.Pass && !(r.Outcome == harness.Observed && r.Behavior == cases.OK) {
			t.Errorf("case %s: %s, %s: %s\n%s", c.ID, r.Outcome, r.Behavior, r.Reason, r.Note)
		}
		if r.Without == cases.Failed {
			t.Errorf("case %s fails without a gateway", c.ID)
		}
		for _, change := range r.Changes {
			if !change.Legal {
				t.Errorf("case %s, connection %d: the gateway %v, it is said", c.ID, change.Conn, change)
			}
		}
	}
}

// What forwards the bytes of TCP gives the verdicts that the cases have without it. It adds
// nothing, though a busy machine may have it be late.
func TestGatewayPassthrough(t *testing.T) {
	playsMany(t)
	t.Parallel()
	list := gatewayCases()
	results := behind(t, gateway.Passthrough, list)
	for _, c := range list {
		r := results[c.ID]
		if r.Behavior != r.Without || r.Without == "" {
			t.Errorf("case %s: %s, and %s without it: %s", c.ID, r.Behavior, r.Without, r.Reason)
		}
		r.Changes = slices.DeleteFunc(r.Changes, func(change transcript.Change) bool { return change.Kind == "delayed" })
		if len(r.Changes) > 0 {
			t.Errorf("case %s: changes are listed: %v", c.ID, r.Changes)
		}
	}
}

// knownKills maps each mutant gateway to cases that it fails.
func knownKills(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/gateways.golden")
	if err != nil {
		t.Fatal(err)
	}
	kills := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		name, ids, _ := strings.Cut(line, ":")
		kills[name] = strings.Fields(ids)
	}
	return kills
}

// Each mutant fails a case, if need be in the third play: what comes in one segment most of
// the time comes in two now and then. With -gateway.all each case fails a mutant too. All pairs take
// minutes, since most of them wait for what does not come.
func TestGatewayMutants(t *testing.T) {
	playsMany(t)
	list, known := gatewayCases(), knownKills(t)
	var mu sync.Mutex
	kills := map[cases.ID][]string{}
	slots := make(chan struct{}, 32) // they mostly wait
	var wg sync.WaitGroup
	for _, m := range gateway.Catalogue {
		if *onlyGateway != "" && m.Name != *onlyGateway || m.Name == "keeps-all" && runtime.GOOS != "linux" { // only Linux tells memory
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var by []string
			played := list
			if !*everyGatewayCase && *onlyCases == "" {
				played = slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return !slices.Contains(known[m.Name], string(c.ID)) })
			}
			for plays := 0; plays < 3 && len(by) == 0; plays++ {
				for id, r := range behind(t, m, played) {
					if *onlyGateway != "" {
						t.Logf("%s: %s %s %s", id, r.Outcome, r.Behavior, r.Note)
					}
					if r.Behavior != cases.OK { // as every case is through the plain one
						by = append(by, string(id))
						mu.Lock()
						kills[id] = append(kills[id], m.Name)
						mu.Unlock()
					}
				}
			}
			slices.Sort(by)
			if len(by) == 0 {
				t.Errorf("%s: no case kills a gateway that %s", m.Name, m.Words)
			}
			t.Logf("%s: %s", m.Name, strings.Join(by, " "))
		})
	}
	wg.Wait()
	if *onlyGateway != "" || *onlyCases != "" || !*everyGatewayCase {
		return
	}
	for _, c := range list {
		if len(kills[c.ID]) == 0 {
			t.Errorf("case %s: no mutant is killed by it", c.ID)
		}
	}
}

// A deaf listener hands over so many connections, and lets no program see those behind them.
type deaf struct {
	net.Listener
	left atomic.Int32
	kept []net.Conn
}

func (d *deaf) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil || d.left.Add(-1) >= 0 {
			return c, err
		}
		d.kept = append(d.kept, c)
	}
}

// A gateway that no longer answers hangs: no case fails for it.
func TestGatewayHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	front, back := &deaf{Listener: loopback(t)}, loopback(t)
	front.left.Store(2) // the sanity check and the first case
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := gateway.Serve(ctx, front, back.Addr().String(), gateway.Plain); err != nil {
			t.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	list, err := pattern.Select(rfc.All(), []string{"G.1.1", "G.1.2", "G.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := Gateway{Target: Target{URL: &url.URL{Scheme: "ws", Host: front.Addr().String(), Path: "/"}}, Origin: back}
	var got []harness.Outcome
	err = TestGateway(t.Context(), g, list, Options{}, func(r harness.Result) { got = append(got, r.Outcome) })
	var end *harness.UntestableError
	if !errors.As(err, &end) || end.Cause != harness.CauseHang {
		t.Errorf("got error %v, want a gateway that hangs", err)
	}
	if want := []harness.Outcome{harness.Pass, harness.Timeout}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
