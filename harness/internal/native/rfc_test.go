package native

import (
	"errors"
	"flag"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

// killers are mutants that a case of the RFC suite kills: they do not get the verdict of
// the conformant peer. Of a case that is not here, killersOf picks candidates. A case that
// kills nothing tests nothing.
var killers = merged(handshakeKillers, limitKillers, negotiationKillers, deflateKillers, unusualKillers, controlKillers, http2Killers, http3Killers, map[cases.ID][]string{
	"C.1.7":  {"eof-ignored"},
	"C.1.1":  {"close-jumps", "close-then-text"},
	"C.1.3":  {"tcp-kept", "close-ignored"},
	"C.1.5":  {"fail-answers-now", "fail-answers"},
	"C.1.8":  {"close-1005"},
	"C.1.9":  {"close-1012-refused", "close-drops"},
	"C.1.10": {"close-1015-accepted"},
	"C.1.11": {"close-private-refused"},
	"C.1.12": {"close-codes-listed", "close-codes-unchecked"},
	"C.1.13": {"close-codes-listed", "close-codes-unchecked"},
	"C.1.14": {"close-reason-cut-hangs", "close-reason-cut-accepted"},
	"C.1.15": {"close-reason-nul-refused"},
	"C.1.16": {"backlog-answered", "close-answers-on"},
	"C.1.17": {"backlog-answered", "fail-goes-on", "rsv-ignored", "fail-1011"},
	"C.1.18": {"fail-drops"},
	"C.1.22": {"extension-needed-bare"},
	"C.1.23": {"idle-closes"},
	"C.1.24": {"reconnects-at-once"},
	"C.1.26": {"close-1002"},
	"C.1.30": {"close-one-octet-accepted"},
	"C.1.28": {"fail-waits"},
	"C.1.27": {"close-apart-ignored"},
	"C.2.1":  {"form-fails-1006", "deflate-fails-1006", "close-1004", "close-999", "close-2999", "close-1010"},
	"C.2.2":  {"pong-open", "echo-never-ends"},
	"C.2.4":  {"deflate-mark-leaks"},
	"T.1.5":  {"close-behind-lost"},
	"T.1.8":  {"write-short"},
	"T.1.7":  {"echo-budget"},
	"T.1.1":  {"head-apart-fails"},
	"T.1.2":  {"head-apart-fails"},
	"T.1.9":  {"pong-torn"},
	"T.1.3":  {"length-apart-fails"},
	"T.1.4":  {"burst-lost"},
	"F.1.1":  {"form-hangs", "long-form-accepted"},
	"F.1.2":  {"form-hangs", "long-form-accepted"},
	"F.1.3":  {"form-hangs", "long-form-accepted"},
	"F.1.5":  {"length-32-bits"},
	"F.1.6":  {"sum-ends", "sum-wraps"},
	"F.1.8":  {"rsv-inside-ignored"},
	"F.1.9":  {"opcodes-inside-skipped"},
	"F.1.10": {"fails-late"},
	"F.1.12": {"fragments-empty", "fragments-two", "fragments-slow"},
	"T.1.10": {"connects-at-once"},
	"T.1.12": {"handshake-patient"},
	"T.1.13": {"pings-long"},
	"F.1.13": {"ping-inside-fifth", "ping-inside-ignored", "ping-inside-forgets"},
	"F.1.14": {"close-inside-ignored"},
	"F.1.15": {"fails-late", "control-long-accepted"},
	"F.1.16": {"length-wraps"},
	"F.1.17": {"length-32-bits"},
	"F.1.18": {"pong-fails", "pong-answered"},
	"F.2.1":  {"utf8-unfinished-empty", "utf8-unfinished"},
	"F.2.2":  {"utf8-unchecked"},
	"F.2.3":  {"utf8-in-binary"},
	"F.2.4":  {"utf8-nul", "utf8-bom", "utf8-noncharacters"},
	"M.1.3":  {"mask-optional"},
	"M.1.4":  {"mask-inside-optional"},
	"M.1.5":  {"key-small-ignored"},
	"M.1.6":  {"unmask-stops"},
	"M.1.7":  {"server-masks", "rsv3-sent", "length-16-sent", "length-64-sent", "echo-cut-125"},
	"M.2.3":  {"control-unmasked", "data-unmasked", "unmasked", "length-64-sent", "key-backwards"},
	"M.2.4":  {"key-zero", "key-fixed", "key-counted"},
	"M.2.5":  {"key-xorshift", "key-counted"},
	"M.2.6":  {"mask-tolerated"},
	"M.2.7":  {"mask-inside-tolerated"},
	"F.1.4":  {"length-msb-accepted"},
	"F.1.11": {"inside-replaces", "inside-appends"},
	"M.1.1":  {"mask-optional", "tcp-kept-failed"},
	"M.1.2":  {"mask-optional"},
	"M.2.1":  {"mask-tolerated"},
	"M.2.2":  {"mask-tolerated"},
	"T.1.6":  {"eof-ignored"},
})

var onlyCases = flag.String("rfc.only", "", "patterns of the cases to play, with commas between them; empty means all")

var fullSize = flag.Bool("rfc.slow", false, "play slow cases at their full size")

// merged joins what the topics say.
func merged(lists ...map[cases.ID][]string) map[cases.ID][]string {
	all := map[cases.ID][]string{}
	for _, list := range lists {
		maps.Copy(all, list)
	}
	return all
}

// hurry cuts waits to a second, so that a peer that does nothing costs no more. What we
// read late may take longer to come.
func hurry(c cases.Case) cases.Case {
	c = c.Clone()
	for _, conn := range c.Conns {
		for i, edit := range conn.Head {
			if _, _, ok := edit.Pace(); ok {
				conn.Head[i].Name = "8s" // longer than a handshake beside it may take
			}
		}
		for i, step := range conn.Steps {
			if _, late := step.(cases.ReadOn); late {
				break
			}
			if wait, ok := step.(cases.Await); ok {
				wait.For = min(wait.For, time.Second)
				conn.Steps[i] = wait
			}
		}
	}
	return c
}

// scaled is a slow case with a tenth of what it floods a peer with, and at most three hundred
// connections. What it comes to at full size is for -rfc.slow.
func scaled(c cases.Case) cases.Case {
	if !c.Slow || *fullSize {
		return c
	}
	c = c.Clone()
	if n := len(c.Conns); n > 301 {
		c.Conns = append(c.Conns[:300], c.Conns[n-1])
	}
	for _, conn := range c.Conns {
		for i, step := range conn.Steps {
			if wait, ok := step.(cases.Await); ok && c.Load == cases.Idle {
				wait.For = min(wait.For, 30*time.Second)
				conn.Steps[i] = wait
			}
			if flood, ok := step.(cases.Flood); ok && flood.Times > 10_000 {
				flood.Times /= 10
				conn.Steps[i] = flood
			}
		}
	}
	return c
}

// TestRFC plays the RFC suite in both roles against peers that keep the standard,
// and against those that should not pass.
func TestRFC(t *testing.T) {
	playsMany(t)
	var mu sync.Mutex         // guards crowded
	var crowded []func() bool // plays that went wrong
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32)
	var heavy []func() // what keeps the machine busy, and would make the others late
	// try plays in the crowd, in which timers measure the machine; what goes wrong
	// there is played again.
	try := func(c cases.Case, play func(last bool) bool) {
		one := func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if !play(false) {
				mu.Lock()
				defer mu.Unlock()
				crowded = append(crowded, func() bool { return play(false) || play(true) })
			}
		}
		if c.Heavy() {
			heavy = append(heavy, one)
			return
		}
		wg.Go(one)
	}
	seen := map[cases.ID]bool{}
	for _, c := range rfc.All() {
		seen[c.ID] = true
		if *onlyCases != "" && len(pattern.Unmatched([]cases.Case{c}, strings.Split(*onlyCases, ","))) == len(strings.Split(*onlyCases, ",")) {
			continue
		}
		if !listenable(t, c) {
			continue
		}
		c = scaled(c)
		quick := hurry(c)
		for role, as := range map[mutants.Roles]cases.Role{mutants.Server: cases.Server, mutants.Client: cases.Client} {
			if !c.For(as) {
				continue
			}
			for _, m := range []mutants.Mutant{mutants.Conformant, mutants.Chaos, mutants.ChaosHead} {
				if m.Name == mutants.ChaosHead.Name && c.ID.Group() == "L.2" {
					continue // megabytes of frames, which it sends like the conformant peer
				}
				try(c, func(last bool) bool {
					r := playOne(t, m, role, c)
					good := r.Outcome == harness.Pass || r.Outcome == harness.Observed && r.Behavior == cases.OK
					if !good && !last {
						t.Logf("in the crowd: %s %s, case %s: %s, %s", roleName(role), m.Name, c.ID, r.Behavior, r.Reason)
					}
					if !good && last {
						t.Errorf("%s %s, case %s: got %s, %s; %s\n%s", roleName(role), m.Name, c.ID, r.Outcome, r.Behavior, r.Reason, wireLog(r))
					}
					return good
				})
			}
			list, each := killersOf(t, c, role)
			kills := func(m mutants.Mutant, say bool) bool {
				r := playOne(t, m, role, quick)
				want := wantedOf(c, m, role)
				killed := r.Outcome.Ran() && want(r.Behavior)
				if !killed && say {
					t.Errorf("%s %s, case %s: got %s, %s, %s; %s\n%s", roleName(role), m.Name, c.ID, r.Outcome, r.Behavior, r.Reason, wantedWords(c, m, role), wireLog(r))
				}
				return killed
			}
			if !each && len(list) > 0 {
				try(c, func(last bool) bool {
					return slices.ContainsFunc(list, func(m mutants.Mutant) bool { return kills(m, last) })
				})
				continue
			}
			for _, m := range list {
				try(c, func(last bool) bool { return kills(m, last) })
			}
		}
	}
	wg.Wait()
	slots = make(chan struct{}, 4)
	for _, one := range heavy {
		wg.Go(one)
	}
	wg.Wait()
	t.Logf("%d plays went wrong in the crowd, and are played again alone", len(crowded))
	for _, again := range crowded {
		again()
	}
}

// listenable reports whether we may listen where the case has to: the default port takes
// root.
func listenable(t *testing.T, c cases.Case) bool {
	t.Helper()
	for _, conn := range c.Conns {
		if conn.Listen == "" {
			continue
		}
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", conn.Listen)
		if errors.Is(err, os.ErrPermission) {
			t.Logf("case %s is not played: %v", c.ID, err)
			return false
		}
		if err == nil {
			l.Close()
		}
	}
	return true
}

// Every case has a mutant that it kills, and the table has no other cases.
func TestKillersNames(t *testing.T) {
	for id := range killers {
		if _, ok := rfc.Find(id); !ok {
			t.Errorf("no case %s", id)
		}
	}
	for _, c := range rfc.All() {
		if c.For(cases.Gateway) {
			continue // TestGatewayMutants has its killers
		}
		servers, _ := killersOf(t, c, mutants.Server)
		clients, _ := killersOf(t, c, mutants.Client)
		if len(servers)+len(clients) == 0 {
			t.Errorf("case %s: no mutant is killed by it", c.ID)
		}
	}
}

// killersOf returns the mutants of a role that a case has to kill. If the table names
// none it returns those that break a requirement of the case, and each is false: killing
// one of them is enough.
func killersOf(t *testing.T, c cases.Case, role mutants.Roles) (list []mutants.Mutant, each bool) {
	t.Helper()
	names, each := killers[c.ID]
	for _, m := range mutants.All() {
		breaks := slices.ContainsFunc(m.Breaks, func(id string) bool { return slices.Contains(c.Requirements, id) })
		if m.Roles.Has(role) && c.For(roleOf(role)) && (!each && breaks || slices.Contains(names, m.Name)) {
			list = append(list, m)
		}
	}
	for _, name := range names {
		if _, ok := mutants.Find(name); !ok {
			t.Fatalf("no mutant %s", name)
		}
	}
	return list, each
}

// roleOf is the role in the words of package cases.
func roleOf(role mutants.Roles) cases.Role {
	if role == mutants.Client {
		return cases.Client
	}
	return cases.Server
}

func playOne(t *testing.T, m mutants.Mutant, role mutants.Roles, c cases.Case) harness.Result {
	t.Helper()
	got, err := playMutant(t.Context(), m, role, []cases.Case{c}, false)
	if err != nil {
		t.Errorf("%s %s, case %s: %v", roleName(role), m.Name, c.ID, err)
	}
	return got[c.ID]
}

// A mutant says which requirements it breaks; a case that kills it should be about
// one of them.
func TestRFCKillersBreakWhatTheCaseTests(t *testing.T) {
	for _, c := range rfc.All() {
		if c.For(cases.Gateway) {
			continue
		}
		about := len(killers[c.ID]) == 0 // then they are picked so
		for _, name := range killers[c.ID] {
			m, _ := mutants.Find(name)
			about = about || slices.ContainsFunc(m.Breaks, func(id string) bool { return slices.Contains(c.Requirements, id) })
		}
		if !about {
			t.Errorf("case %s: none of %v breaks one of %v", c.ID, killers[c.ID], c.Requirements)
		}
	}
}
