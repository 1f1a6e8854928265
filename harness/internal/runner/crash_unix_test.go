//go:build unix

package runner

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A dying server outlives its first case for a while, and has ended when the second one
// comes to its result.
type dying struct {
	fakeServer
	end     func() // ends the process
	results []harness.Result
}

func (d *dying) Play(_ context.Context, part []cases.Case, _ How, emit func(harness.Result)) error {
	r := d.results[0]
	d.results = d.results[1:]
	if len(d.results) == 0 {
		d.end()
	}
	r.Case = part[0].ID
	emit(r)
	return nil
}

// The suspect before is to blame where the server never answered the one at which its end
// is seen.
func TestSuspectBefore(t *testing.T) {
	passed := harness.Result{
		Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK},
		Transcript: &transcript.Transcript{Opened: true, Clean: true},
	}
	failed := harness.Result{Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}}
	opened, refused, unknown := failed, failed, failed
	opened.Transcript = &transcript.Transcript{Opened: true}
	refused.Transcript = &transcript.Transcript{}
	for _, test := range []struct {
		name   string
		second harness.Result
		want   cases.ID
	}{
		{"opened", opened, "1.1.2"},
		{"not opened", refused, "1.1.1"},
		{"no transcript", unknown, "1.1.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pipe := filepath.Join(t.TempDir(), "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			service := &agent.Service{Launch: func(context.Context) (*agent.Process, *url.URL, error) {
				p, err := agent.Start([]string{"sh", "-c", "cat " + pipe + "; exit 3"}, nil, io.Discard)
				return p, &url.URL{}, err
			}}
			defer service.Stop()
			if err := service.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			var blamed []cases.ID
			server := &dying{results: []harness.Result{passed, test.second}, end: func() {
				if f, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
					f.Close()
				}
			}}
			s := &serverRun{server: server, run: run{
				shared: server, options: Options{Service: service},
				emit: func(r harness.Result) {
					if r.Outcome == harness.Crash {
						blamed = append(blamed, r.Case)
					}
				},
			}}
			suspects := []cases.Case{find(t, "1.1.1"), find(t, "1.1.2")}
			if _, err := s.oneByOne(t.Context(), suspects, 0, errors.New("it ended")); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(blamed, []cases.ID{test.want}) {
				t.Errorf("got %v blamed, want %s", blamed, test.want)
			}
		})
	}
}
