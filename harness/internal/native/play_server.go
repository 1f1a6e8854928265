package native

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// playServer plays c once against the target, one group of connections after the
// other. What comes after one that could not be played is not tried.
func (t *Target) playServer(ctx context.Context, c cases.Case, how manner) harness.Result {
	list := make([]transcript.Transcript, len(c.Conns))
	notes := make([]string, len(c.Conns))
	for _, group := range c.Together() {
		ends := make([]*harness.Result, len(group)) // of the case, by what became of a connection
		var wg sync.WaitGroup
		for i, n := range group {
			wg.Go(func() { list[n], notes[n], ends[i] = t.playConn(ctx, c, n, how) })
		}
		wg.Wait()
		for _, end := range ends {
			if end != nil {
				return *end
			}
		}
	}
	r := concluded(ctx, c, joined(list), nil)
	r.Note = cmp.Or(r.Note, cmp.Or(notes...))
	return r
}

// playConn plays a connection of c. An end is that of the case: it could not be played.
func (t *Target) playConn(ctx context.Context, c cases.Case, n int, how manner) (tr transcript.Transcript, note string, end *harness.Result) {
	if d := c.Conns[n].After; d > 0 {
		sleep(ctx, d)
	}
	if c.Conns[n].HTTP2 != nil || c.Conns[n].HTTP3 {
		return t.playScript(ctx, c, n)
	}
	nc, failed, note, err := t.openSettled(ctx, c, n)
	switch {
	case harness.OutOfResources(err):
		return failed, note, &harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error()}
	case errors.Is(err, errRefused) && n > 0: // it is gone since the connection before
		return transcript.Transcript{Role: cases.Server, Started: time.Now().UTC(), UncleanReason: netReason(err)}, note, nil
	case errors.Is(err, errRefused):
		return failed, note, &harness.Result{Case: c.ID, Outcome: harness.Blocked, Note: netReason(err)}
	case err != nil:
		if nc.Conn != nil {
			nc.Close()
		}
		return failed, note, &harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}
	case nc.Conn == nil:
		return failed, note, nil
	}
	tr, err = play(ctx, nc, c, n, cases.Server, how)
	if err != nil {
		unplayed := concluded(ctx, c, tr, err)
		return tr, note, &unplayed
	}
	return tr, note, nil
}

// joined makes one transcript of those of a case's connections. It lasted from the
// start of the first to the end of the last, since they may run beside one another.
func joined(list []transcript.Transcript) transcript.Transcript {
	first := list[0]
	first.More = list[1:]
	for _, t := range first.More {
		first.Duration = max(first.Duration, t.Started.Add(t.Duration).Sub(first.Started))
	}
	return first
}

// concluded is the result of a case that was played.
func concluded(ctx context.Context, c cases.Case, tr transcript.Transcript, err error) harness.Result {
	switch {
	case err != nil:
		return harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error(), Transcript: &tr}
	case ctx.Err() != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}
	}
	return judged(c, tr)
}

func judged(c cases.Case, tr transcript.Transcript) harness.Result {
	v := c.Judge(tr)
	return harness.Result{
		Case: c.ID, Outcome: harness.OutcomeIn(c, v), Verdict: v, Duration: tr.Duration, Transcript: &tr,
	}
}
