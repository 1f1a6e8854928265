package minimize

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/usercase"
	"github.com/wsconform/wsconform/ws"
)

// Bounds of a search. Zero values mean the defaults.
type Bounds struct {
	Plays int           // against the server; 200
	Time  time.Duration // a minute
}

// A Minimal is the shortest script that was found.
type Minimal struct {
	Script string  `json:"script"`
	Steps  int     `json:"steps"` // of the script
	Of     int     `json:"of"`    // of the case's own script
	Plays  int     `json:"plays"` // against the server
	Took   float64 `json:"seconds"`
	// Why says why the script is the case's own, or not certain to be the shortest.
	Why string `json:"why,omitempty"`
}

// A search looks for the script of one case.
type search struct {
	c         cases.Case // with one connection, which is replaced
	conn      int        // its number in the case
	target    engine.Target
	reference engine.Target
	kind      string // of the failure
	bounds    Bounds
	begun     time.Time
	plays     int
	known     map[string]bool
}

// Case looks for the shortest script with which the server fails the case as it did in seen. A
// step is not needed if the server fails in the same way without it, and a conformant server,
// which is our own, still passes. Where the script cannot be played in place of the case, the
// case's own comes back, with the reason. The error is that of ctx, or of our own server.
func Case(ctx context.Context, target engine.Target, c cases.Case, seen harness.Result, b Bounds) (Minimal, error) {
	if b.Plays == 0 {
		b.Plays = 200
	}
	if b.Time == 0 {
		b.Time = time.Minute
	}
	s := &search{c: c, conn: usercase.Worst(c, seen.Transcript), target: target, bounds: b, begun: time.Now(), known: map[string]bool{}}
	own := usercase.Script(c, s.conn)
	list := steps(own)
	m := Minimal{Script: own, Steps: len(list), Of: len(list)}
	if seen.Outcome != harness.Fail {
		m.Why = fmt.Sprintf("the server does not fail the case: %s", seen.Outcome)
		return m, nil
	}
	if t := seen.Transcript; t != nil && len(c.Conns) == 1 && !t.Opened && !edits(list) {
		m.Why = "the server does not complete the opening handshake, so none of the steps matters"
		return m, nil
	}
	stop, err := s.serve()
	if err != nil {
		return m, err
	}
	defer stop()
	if m.Why = s.first(ctx, list, seen); m.Why == "" {
		shows := func(list []string) bool { return s.shows(ctx, list) }
		more := func() bool { return s.more(ctx) }
		list = lines(list, shows, more)
		list = payloads(list, shows, more)
		list = lines(list, shows, more)
		m.Script, m.Steps = strings.Join(list, "\n")+"\n", len(list)
		if !s.more(ctx) {
			m.Why = "the search ended at its bound: a shorter script may do"
		}
	}
	m.Plays, m.Took = s.plays, time.Since(s.begun).Round(time.Millisecond).Seconds()
	return m, ctx.Err()
}

// steps are the lines of a script that do something.
func steps(script string) []string {
	var list []string
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\r\n")
		if s, err := rawscript.Parse(line); err == nil && s != nil {
			list = append(list, line)
		}
	}
	return list
}

// edits reports whether a script has a handshake of its own.
func edits(list []string) bool {
	return slices.ContainsFunc(list, func(line string) bool {
		s, _ := rawscript.Parse(line) // the lines have been parsed
		switch s.(type) {
		case rawscript.Edit, rawscript.Open, rawscript.Bytes:
			return true
		default:
			return false
		}
	})
}

// serve serves the reference: a conformant server.
func (s *search) serve() (stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		return nil, err
	}
	server := &ws.Server{Handler: ws.Echo, Accept: ws.AcceptOptions{Origins: []string{"*"}, Options: ws.Options{Deflate: &ws.Deflate{}}}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // it ends with the listener
	}()
	s.reference = engine.Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}, Header: http.Header{}}
	return func() {
		_ = server.Close() // nothing is left to be said
		<-served
	}, nil
}

// first plays the whole script, and says why there is nothing to leave out of it.
func (s *search) first(ctx context.Context, list []string, seen harness.Result) (why string) {
	got, err := s.play(ctx, s.target, list)
	s.plays++
	switch {
	case err != nil:
		return "the case is more than its script: " + err.Error()
	case got.Outcome != harness.Fail:
		return fmt.Sprintf("the server fails the case, and not its script: %s", got.Outcome)
	case len(s.c.Conns) == 1 && kind(got) != kind(seen):
		return "the server fails the case and its script in different ways"
	}
	s.kind = kind(got)
	if !s.passes(ctx, list) {
		return "a conformant server does not pass the script either, so nothing tells which steps matter"
	}
	return ""
}

// kind is what stays the same when steps are left out that do not matter to a failure: the
// grade, whether the connection opened, who ended it, and the rules that the peer broke. What
// came is not: a message fewer has an echo fewer.
func kind(r harness.Result) string {
	t := r.Transcript
	if t == nil {
		return string(r.Behavior)
	}
	grade := string(r.Behavior)
	if r.Behavior != cases.Failed {
		grade += ", " + string(r.Close)
	}
	var rules []string
	for _, e := range t.Events {
		if e.Kind == transcript.GotOffence && !slices.Contains(rules, e.Section) {
			rules = append(rules, e.Section)
		}
	}
	slices.Sort(rules)
	return fmt.Sprintf("%s, opened %t, ended by us %t, broke %q", grade, t.Opened, t.ClosedByUs || t.FailedByUs || t.DroppedByUs, rules)
}

func (s *search) more(ctx context.Context) bool {
	return ctx.Err() == nil && s.plays < s.bounds.Plays && time.Since(s.begun) < s.bounds.Time
}

// shows reports whether the server fails with the script as it did, and a conformant one
// does not.
func (s *search) shows(ctx context.Context, list []string) bool {
	key := strings.Join(list, "\n")
	if known, ok := s.known[key]; ok {
		return known
	}
	s.plays++
	got, err := s.play(ctx, s.target, list)
	if err == nil && !got.Outcome.Ran() && s.more(ctx) { // a busy machine, or the server was not there for a moment
		s.plays++
		got, err = s.play(ctx, s.target, list)
	}
	ok := err == nil && got.Outcome == harness.Fail && kind(got) == s.kind && s.passes(ctx, list)
	s.known[key] = ok
	return ok
}

// passes reports whether our own server passes the script.
func (s *search) passes(ctx context.Context, list []string) bool {
	got, err := s.play(ctx, s.reference, list)
	return err == nil && got.Outcome.Ran() && got.Outcome != harness.Fail && got.Outcome != harness.Unsupported
}

// play plays the script in place of the case's connection.
func (s *search) play(ctx context.Context, target engine.Target, list []string) (got harness.Result, err error) {
	conn, err := usercase.Conn(strings.Join(list, "\n") + "\n")
	if err != nil {
		return got, err
	}
	own := s.c.Conns[s.conn]
	conn.Want = s.c.WantOf(s.conn)
	if conn.Deflate == nil {
		conn.Deflate = own.Deflate
	}
	c := s.c
	c.Conns = []cases.Conn{conn}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err = engine.TestServer(ctx, target, []cases.Case{c}, engine.Options{Options: engine.RunOptions{Parallel: 1, AnyPeer: true}}, func(r harness.Result) { got = r })
	return got, err
}

// chopped is how a frame is written in pieces.
var chopped = regexp.MustCompile(` chop=\d+`)

// payloads makes the payloads of frames shorter, and has each written at once.
func payloads(list []string, shows func([]string) bool, more func() bool) []string {
	for i := range list {
		if whole := chopped.ReplaceAllString(list[i], ""); whole != list[i] && more() {
			next := append([]string{}, list...)
			if next[i] = whole; shows(next) {
				list = next
			}
		}
		for more() {
			step, err := rawscript.Parse(list[i])
			f, ok := step.(rawscript.Frame)
			if err != nil || !ok || len(f.Payload) < 2 {
				break
			}
			f.Payload = f.Payload[:len(f.Payload)/2]
			next := append([]string{}, list...)
			if next[i] = f.String(); !shows(next) {
				break
			}
			list = next
		}
	}
	return list
}
