package harness

import (
	"fmt"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// An Agent is the implementation under test.
type Agent struct {
	Name    string     `json:"name"`
	Version string     `json:"version,omitempty"`
	Role    cases.Role `json:"role"`
	URL     string     `json:"url,omitempty"`     // of a server
	Command []string   `json:"command,omitempty"` // that starts it, if we do
	// About is what is known of a third-party implementation. Nil means nothing.
	About *Implementation `json:"about,omitempty"`
}

// Outcome sums both halves of a verdict up, or says why there is none.
type Outcome string

// The outcomes of a case.
const (
	Pass         Outcome = "pass"
	PassLenient  Outcome = "pass-lenient" // permitted, though not what the case would like best
	Fail         Outcome = "fail"
	Unsupported  Outcome = "unsupported" // the peer does not have an optional feature
	Observed     Outcome = "observed"    // the case only looks; it cannot fail
	Crash        Outcome = "crash"       // the agent ended while the case ran
	Timeout      Outcome = "timeout"     // the case's deadline passed
	Blocked      Outcome = "blocked"     // the agent could not be reached
	NotRun       Outcome = "not-run"     // selected, but never started
	HarnessError Outcome = "harness-error"
)

// Outcomes lists all outcomes in the order in which they are shown.
var Outcomes = []Outcome{Pass, PassLenient, Fail, Unsupported, Observed, Crash, Timeout, Blocked, HarnessError, NotRun}

// Ran reports whether the case has a verdict.
func (o Outcome) Ran() bool {
	switch o {
	case Pass, PassLenient, Fail, Unsupported, Observed:
		return true
	case Crash, Timeout, Blocked, NotRun, HarnessError:
	}
	return false
}

// Tells reports whether the outcome says something of the agent: a verdict, a crash
// or a timeout.
func (o Outcome) Tells() bool { return o.Ran() || o == Crash || o == Timeout }

// OutcomeOf sums a verdict up. FAILED in either half fails, and so does an
// unclean end; a wrong code in a reply and a server that leaves TCP to us are
// lenient passes, as Autobahn colours them.
func OutcomeOf(v cases.Verdict) Outcome {
	switch {
	case v.Behavior == cases.Unimplemented:
		return Unsupported
	case v.Behavior == cases.Failed, v.Close == cases.CloseFailed, v.Close == cases.CloseUnclean:
		return Fail
	case v.Behavior == cases.Informational:
		return Observed
	case v.Behavior == cases.NonStrict, v.Close == cases.CloseWrongCode, v.Close == cases.CloseFailedByClient:
		return PassLenient
	}
	return Pass
}

// OutcomeIn sums up a verdict in a case. A case about a SHOULD passes leniently where
// it would fail, and one about a MAY only observes.
func OutcomeIn(c cases.Case, v cases.Verdict) Outcome {
	o := OutcomeOf(v)
	switch c.Level {
	case cases.Should:
		if o == Fail {
			return PassLenient
		}
	case cases.May, cases.Informing:
		if o != Unsupported {
			return Observed
		}
	case cases.Must, cases.Robustness:
	}
	return o
}

// A Result is the result of one case. Verdict is the zero value unless
// Outcome.Ran().
type Result struct {
	Case    cases.ID `json:"case"`
	Outcome Outcome  `json:"outcome"`
	cases.Verdict
	// Note says why there is no verdict, or what is remarkable about it (such
	// as "repeated alone after a timeout").
	Note string `json:"note,omitempty"`
	// Unplayed is set in an unsupported result if the case was not played: the peer does
	// not offer what the case needs, and Note says what. That is no finding about the
	// peer, unlike a negotiation that it declines.
	Unplayed bool `json:"unplayed,omitempty"`
	// Attempts counts how often the case was played; 0 and 1 mean once.
	Attempts int `json:"attempts,omitempty"`
	// Varied lists the verdicts of all plays, in their order, where they differ.
	Varied   []cases.Verdict `json:"varied,omitempty"`
	Duration time.Duration   `json:"duration"` // nanoseconds
	// Without is the grade of the same case without the gateway under test, Changes what
	// the gateway did. They are empty in other roles.
	Without    cases.Behavior         `json:"without,omitempty"`
	Changes    []transcript.Change    `json:"changes,omitempty"`
	Transcript *transcript.Transcript `json:"transcript,omitempty"`
}

// OneGrade reports whether the verdict is a single grade, in Behavior: the closing half
// is empty in all suites but Autobahn's.
func (r Result) OneGrade() bool { return r.Outcome.Ran() && r.Close == "" }

// SameVerdict reports whether both halves of the verdicts are the same.
func (r Result) SameVerdict(other Result) bool {
	return r.Behavior == other.Behavior && r.Close == other.Close
}

// CutOff reports whether the only fault is that the peer ended TCP without answering
// our close frame. This can be chance: its answer is lost if it ends TCP with bytes
// of ours unread.
func (r Result) CutOff() bool {
	t := r.Transcript
	return r.Close == cases.CloseUnclean && r.Behavior != cases.Failed && t != nil && t.ClosedByUs && !t.DroppedByUs && !t.RemoteClose
}

// Settle returns the most frequent verdict of several plays of a case, and how often
// it came. Ties go to the earliest. If the plays differ, the result lists all their
// verdicts.
func Settle(plays []Result) (r Result, most int) {
	all := make([]cases.Verdict, len(plays))
	for i, play := range plays {
		all[i] = play.Verdict
		n := 0
		for _, other := range plays {
			if play.SameVerdict(other) {
				n++
			}
		}
		if n > most {
			r, most = play, n
		}
	}
	r.Attempts, r.Varied = len(plays), nil
	r.Note = fmt.Sprintf("played %d times, with the same verdict", len(plays))
	if most < len(plays) {
		r.Varied = all
		r.Note = fmt.Sprintf("the verdict varies: this one came in %d of %d plays", most, len(plays))
	}
	return r, most
}

// Summary gives the result in one line: "fail, behavior FAILED, close FAILED: the
// peer closed with 1009 (message too big)", or why there is no verdict.
func (r Result) Summary() string {
	if r.Outcome.Ran() && !r.Unplayed {
		s := fmt.Sprintf("%s, behavior %s, close %s", r.Outcome, r.Behavior, r.Close)
		if r.OneGrade() {
			s = fmt.Sprintf("%s, %s", r.Outcome, r.Behavior)
		}
		if did := r.Blame(); did != "" && r.Outcome == Fail {
			s += ": " + did
		}
		return s
	}
	note, _, _ := strings.Cut(r.Note, "\n")
	note = strings.TrimSuffix(note, "; it last said:") // what it said is elsewhere
	if note == "" {
		return string(r.Outcome)
	}
	return string(r.Outcome) + ", " + note
}
