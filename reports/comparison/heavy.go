package comparison

import (
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// A deflation is what was negotiated in one group of cases.
type deflation struct {
	Group   string `json:"group"`
	Offer   string `json:"offer"`  // of the client
	Answer  string `json:"answer"` // of the server
	Agreed  bool   `json:"agreed"`
	Kept    int    `json:"kept"` // cases that passed: what was agreed was kept
	Total   int    `json:"total"`
	Refused bool   `json:"refused"` // no connection was opened
}

// deflations lists the groups, each with the result of its first case.
func deflations(run *runfile.Run) []deflation {
	var list []deflation
	for _, r := range run.Results {
		c, known := catalogue.Find(r.Case)
		if !known || c.Deflate() == nil || r.Transcript == nil || !r.Outcome.Ran() {
			continue
		}
		i := slices.IndexFunc(list, func(d deflation) bool { return d.Group == r.Case.Group() })
		if i < 0 {
			i = len(list)
			list = append(list, deflation{
				Group: r.Case.Group(), Offer: extensions(r.Transcript.Request), Answer: extensions(r.Transcript.Response),
				Agreed: r.Transcript.Deflate, Refused: !r.Transcript.Opened,
			})
		}
		list[i].Total++
		if r.Outcome == harness.Pass || r.Outcome == harness.PassLenient {
			list[i].Kept++
		}
	}
	slices.SortFunc(list, func(a, b deflation) int { return cases.ID(a.Group).Compare(cases.ID(b.Group)) })
	return list
}

// extensions returns the values of Sec-WebSocket-Extensions in the head of a
// request or response.
func extensions(head string) string {
	var values []string
	for line := range strings.SplitSeq(head, "\n") {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if ok && textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)) == "Sec-Websocket-Extensions" {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return show.Text(strings.Join(values, ", "))
}

// heavySections are the sections with cases that move megabytes, in order.
var heavySections = sync.OnceValue(func() []string {
	var list []string
	for _, c := range catalogue.All() {
		if id := c.ID.Section(); c.Heavy() && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
})

// A throughput is the time of the passed cases of a heavy section.
type throughput struct {
	Section string  `json:"section"`
	Cases   int     `json:"cases"` // that passed
	Total   int     `json:"total"`
	Seconds float64 `json:"seconds"`       // of those that passed
	MiB     float64 `json:"mib,omitempty"` // of messages there and back, where that was counted
}

func throughputs(run *runfile.Run) []throughput {
	var list []throughput
	for _, id := range heavySections() {
		t := throughput{Section: id}
		var sum time.Duration
		for _, r := range run.Results {
			if r.Case.Section() != id || !r.Outcome.Ran() {
				continue
			}
			t.Total++
			if r.Outcome != harness.Pass && r.Outcome != harness.PassLenient {
				continue
			}
			t.Cases++
			sum += r.Duration
			if r.Transcript != nil && r.Transcript.Traffic != nil {
				t.MiB += float64(r.Transcript.Traffic.In.App+r.Transcript.Traffic.Out.App) / (1 << 20)
			}
		}
		if t.Total > 0 {
			t.Seconds = float64(sum.Milliseconds()) / 1000
			t.MiB = float64(int(t.MiB*10)) / 10
			list = append(list, t)
		}
	}
	return list
}

// A largest is the longest message of a kind that came back, and the shortest that did
// not.
type largest struct {
	Kind   string `json:"kind"` // text or binary
	Passed int    `json:"passed"`
	Failed int    `json:"failed,omitempty"` // 0: none
	Code   int    `json:"code,omitempty"`   // of the close frame that refused it
}

// largestOf looks at the cases that send one message in one frame.
func largestOf(run *runfile.Run) []largest {
	var list []largest
	for _, kind := range []string{"text", "binary"} {
		l, seen := largest{Kind: kind}, false
		for _, r := range run.Results {
			c, known := catalogue.Find(r.Case)
			if !known || !slices.Contains(c.Shows, "long "+kind) || !r.Outcome.Ran() || r.Transcript == nil || !r.Transcript.Opened {
				continue
			}
			seen = true
			n := payload(c)
			if r.Outcome == harness.Pass || r.Outcome == harness.PassLenient {
				l.Passed = max(l.Passed, n)
			} else if l.Failed == 0 || n < l.Failed {
				l.Failed, l.Code = n, int(r.Transcript.RemoteCode)
			}
		}
		if seen {
			list = append(list, l)
		}
	}
	return list
}

// payload is the length of the message that the case sends, in bytes.
func payload(c cases.Case) int {
	for _, op := range c.Ops() {
		if sent, ok := op.(cases.WriteOp); ok {
			return sent.Payload.Len
		}
	}
	return 0
}
