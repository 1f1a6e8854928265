package comparison

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A trait is how an implementation behaves in a matter that the standard leaves
// open, or that tells it apart from others.
type trait struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// traitKinds are the traits in the order in which the site shows them. The
// titles are in site/views.js.
var traitKinds = []struct {
	id    string
	value func(plays) string
}{
	{"utf8", plays.utf8},
	{"echo", plays.echoesFirst},
	{"protocol", func(p plays) string { return p.that("bad frames").codes() }},
	{"text", func(p plays) string { return p.that("bad text").codes() }},
	{"close", plays.closeReply},
	{"badclose", func(p plays) string { return p.that("bad close codes").codes() }},
	{"pongs", plays.pongs},
	{"tcp", plays.endsTCP},
}

// plays are the cases of a run that came to a verdict, with their definition.
type plays []play

type play struct {
	cases.Case
	harness.Result
}

func playsOf(run *runfile.Run) plays {
	var list plays
	for _, r := range run.Results {
		if c, known := catalogue.Find(r.Case); known && r.Outcome.Ran() && r.Transcript != nil && r.Transcript.Opened {
			list = append(list, play{c, r})
		}
	}
	return list
}

func traits(run *runfile.Run) []trait {
	p := playsOf(run)
	var list []trait
	for _, k := range traitKinds {
		if v := k.value(p); v != "" {
			list = append(list, trait{k.id, v})
		}
	}
	return list
}

// that returns the plays of cases that show something.
func (p plays) that(shows string) plays {
	return slices.DeleteFunc(slices.Clone(p), func(one play) bool { return !slices.Contains(one.Shows, shows) })
}

// behavior is the verdict of the first case that shows something, "" if there is none.
func (p plays) behavior(shows string) cases.Behavior {
	for _, one := range p.that(shows) {
		return one.Behavior
	}
	return ""
}

// utf8 says when bad text is noticed.
func (p plays) utf8() string {
	early, frame := p.behavior("bad text in the middle of a frame"), p.behavior("bad text in a frame of its own")
	switch {
	case early == cases.OK:
		return "at the byte"
	case frame == cases.OK:
		return "at the end of the frame"
	case frame == cases.NonStrict:
		return "at the end of the message"
	case frame == cases.Failed:
		return "not noticed"
	}
	return ""
}

// echoesFirst says whether a good message is echoed before the connection fails
// for what comes behind it.
func (p plays) echoesFirst() string {
	echoed, total := 0, 0
	for _, one := range p {
		if len(autobahn.Of(one.Case).Events) < 2 || one.Case.Load == cases.Idle || one.Behavior == cases.Failed {
			continue
		}
		total++
		if len(one.Transcript.Received()) > 0 {
			echoed++
		}
	}
	switch {
	case total == 0:
		return ""
	case echoed == total:
		return "always"
	case echoed == 0:
		return "never"
	}
	return fmt.Sprintf("in %d of %d cases", echoed, total)
}

// codes counts how the peer ends the connection: by a close frame with which code, or by
// TCP alone.
func (p plays) codes() string {
	count := map[string]int{}
	for _, one := range p {
		t := one.Transcript
		switch {
		case t.RemoteClose && (t.RemoteCode != 0 || t.RemoteZero):
			count[fmt.Sprint(uint16(t.RemoteCode))]++
		case t.RemoteClose:
			count["no code"]++
		case t.FailedByUs || t.ClosedByUs:
			count["does not end it"]++
		default:
			count["TCP only"]++
		}
	}
	return shares(count)
}

// shares lists what was counted, the most frequent first.
func shares(count map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k
		if len(keys) > 1 {
			parts[i] = fmt.Sprintf("%s ×%d", k, count[k])
		}
	}
	return strings.Join(parts, ", ")
}

// closeReply says what a close is answered with.
func (p plays) closeReply() string {
	count := map[string]int{}
	for _, one := range p.that("close codes") {
		t := one.Transcript
		switch {
		case !t.RemoteClose:
			count["no reply"]++
		case t.RemoteCode == 0 && !t.RemoteZero:
			count["no code"]++
		case t.RemoteCode == t.LocalCode:
			count["same code"]++
		default:
			count[fmt.Sprint(uint16(t.RemoteCode))]++
		}
	}
	if n := count["1000"]; n > 0 && count["same code"] == 1 { // of the case that sends 1000
		count["1000"] = n + 1
		delete(count, "same code")
	}
	return shares(count)
}

// pongs says how many of ten pings in a row are answered.
func (p plays) pongs() string {
	p = p.that("pongs")
	if len(p) == 0 {
		return ""
	}
	n := 0
	for _, e := range p[0].Transcript.Events {
		if e.Kind == transcript.GotPong {
			n++
		}
	}
	if n == 10 {
		return "every ping"
	}
	return fmt.Sprintf("%d of 10 pings", n)
}

// endsTCP says which side ends TCP after the closing handshake. A server should
// (RFC 6455 §7.1.1).
func (p plays) endsTCP() string {
	ours, total := 0, 0
	for _, one := range p {
		if t := one.Transcript; t.Role == cases.Server && t.Clean {
			total++
			if t.DroppedByUs {
				ours++
			}
		}
	}
	switch {
	case total == 0:
		return ""
	case ours == 0:
		return "the server"
	case ours == total:
		return "leaves it to the client"
	}
	return fmt.Sprintf("leaves it to the client in %d of %d cases", ours, total)
}
