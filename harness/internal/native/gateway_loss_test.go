package native

import (
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A case that passes fails if the gateway lost something that it may not lose. One that fails
// keeps its reason.
func TestLossFails(t *testing.T) {
	lost := transcript.Change{Kind: transcript.ChangeLost, What: "a pong"}
	legal, other := lost, transcript.Change{Kind: "altered"}
	legal.Legal = true
	for name, row := range map[string]struct {
		before  harness.Outcome
		opened  bool
		changes []transcript.Change
		want    harness.Outcome
	}{
		"nothing changed":     {harness.Pass, true, nil, harness.Pass},
		"lost":                {harness.Pass, true, []transcript.Change{other, lost}, harness.Fail},
		"lost, which is fine": {harness.Pass, true, []transcript.Change{legal}, harness.Pass},
		"only altered":        {harness.Pass, true, []transcript.Change{other}, harness.Pass},
		"not opened":          {harness.Pass, false, []transcript.Change{lost}, harness.Pass},
		"fails anyway":        {harness.Fail, true, []transcript.Change{lost}, harness.Fail},
	} {
		res := harness.Result{Outcome: row.before, Changes: row.changes, Verdict: cases.Verdict{Reason: "its own"}}
		got := lossFails(res, row.opened)
		ofGateway := strings.Contains(got.Reason, "gateway")
		if got.Outcome != row.want || ofGateway != (row.before == harness.Pass && row.want == harness.Fail) || ofGateway != (got.Behavior == cases.Failed) {
			t.Errorf("%s: got %s, %s, %q, want %s", name, got.Outcome, got.Behavior, got.Reason, row.want)
		}
	}
}
