package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// maxAnnotations bounds the errors that are annotated one by one; GitHub shows ten
// of a step and drops the others without a word.
const maxAnnotations = 10

// writeAnnotations writes GitHub workflow commands: an error for each failure, a warning
// for each note of the gate, and a notice that sums up the run. Printed in a job, they
// become annotations.
func writeAnnotations(w io.Writer, in Input) error {
	s := summary.Of(in)
	agent := summary.AgentName(in.Run.Header.Agent)
	var b strings.Builder
	if alarm := s.Alarm(); alarm != "" {
		command(&b, "error", agent+": incomplete", strings.TrimSpace(alarm+". "+s.Gaps()))
	}
	for _, v := range s.RunViolations() {
		command(&b, "error", agent+": "+string(v.Kind), show.Text(v.Text))
	}
	problems := s.Problems()
	few := problems[:min(len(problems), maxAnnotations)]
	for _, r := range few {
		command(&b, "error", fmt.Sprintf("%s: case %s", agent, show.Name(string(r.Case))), problem(in.Run.Header, r)+"\n"+explain(in.Run.Header, r))
	}
	if n := len(problems) - len(few); n > 0 {
		command(&b, "error", agent, show.Plural(n, "more case fails", "more cases fail"))
	}
	if s.Gate != nil {
		for _, note := range s.Gate.Notes {
			command(&b, "warning", agent, show.Text(note))
		}
	}
	command(&b, "notice", agent, strings.TrimSuffix(s.Headline()+": "+s.Rest(), ": "))
	_, err := io.WriteString(w, b.String())
	return err
}

var (
	commandData  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandValue = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command writes one workflow command. Line breaks are escaped, so the text cannot begin
// another command.
func command(b *strings.Builder, level, title, message string) {
	fmt.Fprintf(b, "::%s title=%s::%s\n", level, commandValue.Replace(title), commandData.Replace(strings.TrimSpace(message)))
}
