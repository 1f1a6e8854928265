package reports

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Time       string           `xml:"time,attr"`
	Timestamp  string           `xml:"timestamp,attr,omitempty"`
	Properties *junitProperties `xml:"properties"` // nil, not empty
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class      string           `xml:"classname,attr"`
	Name       string           `xml:"name,attr"`
	Time       string           `xml:"time,attr"`
	Properties *junitProperties `xml:"properties"`
	Failure    *junitProblem    `xml:"failure"`
	Error      *junitProblem    `xml:"error"`
	Skipped    *junitProblem    `xml:"skipped"`
	Out        string           `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes the run as JUnit XML with a suite for each section. A case without a
// verdict is an error, even if it was never started: a reader that ignores skipped tests
// must not take a dead agent for a good one. An expected failure is skipped with its
// reason as the message, and an unexpected pass is a failure.
func writeJUnit(w io.Writer, in Input) error {
	s := summary.Of(in)
	h := in.Run.Header
	out := junitSuites{Name: summary.AgentName(h.Agent) + " " + h.Agent.Role.String()}
	var total time.Duration
	for _, sec := range s.Sections {
		suite, took := junitSection(h, sec)
		out.Tests += suite.Tests
		out.Failures += suite.Failures
		out.Errors += suite.Errors
		out.Skipped += suite.Skipped
		out.Suites = append(out.Suites, suite)
		total += took
	}
	if suite := junitRun(s); suite.Tests > 0 {
		out.Tests += suite.Tests
		out.Failures += suite.Failures
		out.Errors += suite.Errors
		out.Suites = append(out.Suites, suite)
	}
	out.Time = junitTime(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitRun is a suite with one test for each thing that is wrong with the whole run.
func junitRun(s summary.Summary) junitSuite {
	suite := junitSuite{Name: "run", Time: "0.000"}
	if alarm := s.Alarm(); alarm != "" {
		suite.Tests++
		suite.Errors++
		suite.Cases = append(suite.Cases, junitCase{
			Class: "wsconform.run", Name: "the run is complete", Time: "0.000",
			Error: &junitProblem{Message: alarm, Type: string(s.State)},
		})
	}
	for _, v := range s.RunViolations() {
		suite.Tests++
		suite.Failures++
		text := show.Text(v.Text)
		suite.Cases = append(suite.Cases, junitCase{
			Class: "wsconform.gate", Name: string(v.Kind) + ": " + text, Time: "0.000",
			Failure: &junitProblem{Message: text, Type: string(v.Kind)},
		})
	}
	return suite
}

func junitSection(h runfile.Header, sec summary.Section) (junitSuite, time.Duration) {
	suite := junitSuite{
		Name:  strings.TrimSpace(show.Name(sec.ID) + " " + sec.Title),
		Tests: len(sec.Rows),
		Properties: &junitProperties{[]junitProperty{
			{"agent", summary.AgentName(h.Agent)},
			{"role", h.Agent.Role.String()},
			{"engine", summary.EngineName(h.Engine)},
			{"tool", show.Name(h.Tool)},
		}},
	}
	if h.Engine.Digest != "" {
		suite.Properties.List = append(suite.Properties.List, junitProperty{"digest", show.Name(h.Engine.Digest)})
	}
	if !h.Started.IsZero() {
		suite.Timestamp = h.Started.UTC().Format("2006-01-02T15:04:05")
	}
	var total time.Duration
	for _, r := range sec.Rows {
		c := junitRow(h, r)
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
		total += r.Duration
	}
	suite.Time = junitTime(total)
	return suite, total
}

func junitRow(h runfile.Header, r summary.Row) junitCase {
	c := junitCase{
		Class: "wsconform." + h.Agent.Role.String() + "." + show.Name(r.Case.Section()),
		Name:  strings.TrimSpace(show.Name(string(r.Case)) + " " + r.Title()),
		Time:  junitTime(r.Duration),
	}
	var facts []junitProperty
	if level := r.Level(); level != "" {
		facts = append(facts, junitProperty{"suite", string(r.Def.Suite)}, junitProperty{"level", level})
	}
	for _, ref := range r.Def.RFC {
		facts = append(facts, junitProperty{"section", ref})
	}
	if r.Page != "" {
		facts = append(facts, junitProperty{"page", r.Page})
	}
	for _, q := range r.Requirements() {
		facts = append(facts, junitProperty{"requirement", q.ID})
	}
	if r.Outcome.Ran() {
		facts = append(facts, junitProperty{"behavior", string(r.Behavior)})
		if !r.OneGrade() {
			facts = append(facts, junitProperty{"close", string(r.Close)})
		}
	}
	if r.Mark != "" {
		facts = append(facts, junitProperty{"expectation", r.Excuse()})
	}
	if len(facts) > 0 {
		c.Properties = &junitProperties{facts}
	}
	switch {
	case r.Standing == summary.Excused:
		c.Skipped = &junitProblem{Message: r.Excuse(), Type: string(r.Mark)}
	case r.Standing == summary.Bad:
		c.Failure = &junitProblem{Message: problem(h, r), Type: string(r.Outcome), Text: explain(h, r)}
		if r.Mark != "" {
			c.Failure.Type = string(r.Mark)
		}
		c.Out = frames(r)
	case r.Outcome == harness.Unsupported:
		c.Skipped = &junitProblem{Message: "unsupported: " + show.Text(r.Reason)}
	case !r.Outcome.Ran():
		c.Error = &junitProblem{
			Message: strings.TrimSuffix(string(r.Outcome)+": "+show.Text(r.Note), ": "),
			Type:    string(r.Outcome), Text: explain(h, r),
		}
		c.Out = frames(r)
	}
	return c
}

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", max(d, 0).Seconds()) }

// halves writes the verdict in one line.
func halves(r summary.Row) string {
	if r.OneGrade() {
		return fmt.Sprintf("%s (%s)", r.Behavior, show.Text(r.Reason))
	}
	return fmt.Sprintf("behavior %s (%s), close %s (%s)", r.Behavior, show.Text(r.Reason), r.Close, show.Text(r.CloseReason))
}

// problem says in one line why the case fails.
func problem(h runfile.Header, r summary.Row) string {
	switch {
	case r.Broken != "" && r.Outcome != harness.Fail:
		return show.Text(r.Broken)
	case !r.Outcome.Ran():
		return strings.TrimSuffix(string(r.Outcome)+": "+show.Text(r.Note), ": ")
	}
	if did := r.Did(h); did != "" {
		return halves(r) + "; " + did
	}
	return halves(r)
}

// explain says what was expected, what happened, and how to play the case again.
func explain(h runfile.Header, r summary.Row) string {
	var b strings.Builder
	if r.Known {
		fmt.Fprintf(&b, "sent:     %s\nexpected: %s\nrules:    %s\n", r.Def.Title, r.Def.Expect, strings.Join(r.Def.RFC, ", "))
	}
	switch {
	case r.OneGrade():
		fmt.Fprintf(&b, "verdict:  %s, %s\n", r.Behavior, show.Text(r.Reason))
	case r.Outcome.Ran():
		fmt.Fprintf(&b, "behavior: %s, %s\nclose:    %s, %s\n", r.Behavior, show.Text(r.Reason), r.Close, show.Text(r.CloseReason))
	}
	if did := cmp.Or(r.Did(h), r.Ending()); did != "" {
		fmt.Fprintf(&b, "peer:     %s\n", did)
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "note:     %s\n", show.Text(r.Note))
	}
	if r.Broken != "" {
		fmt.Fprintf(&b, "gate:     %s\n", show.Text(r.Broken))
	}
	if r.Known {
		about := "wsconform explain " + string(r.Case)
		if r.Page != "" {
			about += ", or " + r.Page
		}
		fmt.Fprintf(&b, "about:    %s\n", about)
	}
	fmt.Fprintf(&b, "again:    %s\n", show.Repeat(h, r.Case))
	return b.String()
}

// maxFrames bounds the frames of a case that a text format shows.
const maxFrames = 40

// frames writes the frames of the wire log as text, one on each line.
func frames(r summary.Row) string {
	if r.Transcript == nil {
		return ""
	}
	var b strings.Builder
	WriteLog(&b, r.Transcript, "") //nolint:errcheck // a builder takes all
	return b.String()
}
