// Package assistant is `wsconform mcp`: it offers what wsconform does to programs that speak
// the Model Context Protocol, such as coding assistants. Start at [Serve].
//
// Each run is a wsconform of its own, as in internal/ui, one at a time and within a time. What
// a peer says comes back as text within bounds.
package assistant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/ui"
	"github.com/wsconform/wsconform/reports"
)

// Options says how runs are started.
type Options struct {
	Program []string // the command line of wsconform itself, to which arguments are added
	Version string
	Dir     string // where the results go, to subfolders
}

const (
	runPatience = 15 * time.Minute
	maxListed   = 200      // cases
	maxFailures = 25       // of a run
	maxText     = 24 << 10 // bytes of an exchange
)

// A server is what the tools share.
type server struct {
	Options
	slot chan struct{} // holds one token: cases play one call at a time
}

// Serve speaks the protocol on the transport until the other side ends it or ctx ends.
func Serve(ctx context.Context, o Options, t mcp.Transport) error {
	s := &server{Options: o, slot: make(chan struct{}, 1)}
	m := mcp.NewServer(&mcp.Implementation{Name: "wsconform", Title: "wsconform", Version: o.Version}, &mcp.ServerOptions{
		Instructions: "wsconform tests WebSocket servers and clients against RFC 6455 and RFC 7692. Use run to test one, explain to " +
			"understand a case that fails, and lab to send a script of your own to a server, or to a client, and see the exchange.",
	})
	reads := &mcp.ToolAnnotations{ReadOnlyHint: true}
	mcp.AddTool(m, &mcp.Tool{Name: "list", Description: "Lists cases: ids and what they send.", Annotations: reads}, s.list)
	mcp.AddTool(m, &mcp.Tool{
		Name: "explain", Annotations: reads,
		Description: "Says all that is known of a case: what is sent and wanted, which requirements of the RFCs it tests, why it matters, which bugs it finds, and the raw script of each connection.",
	}, s.explain)
	mcp.AddTool(m, &mcp.Tool{
		Name:        "run",
		Description: "Tests a WebSocket server or client, and returns the counts and the failures, each with its requirements, RFC sections, a raw script that shows it and the command that repeats it. It starts the commands that it is given.",
	}, s.run)
	mcp.AddTool(m, &mcp.Tool{
		Name:        "lab",
		Description: "Plays a raw script to a server, or to a client, and returns the exchange. One step a line, such as: frame text rsv1 text:Hello, then: await close 2s. The language is in docs/raw.md.",
	}, s.lab)
	err := m.Run(ctx, t)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

type listInput struct {
	Cases  string `json:"cases,omitempty" jsonschema:"patterns of ids, such as 5.* or F.1.8; all if absent"`
	Search string `json:"search,omitempty" jsonschema:"words that title or expectation contain"`
}

type listed struct {
	ID     cases.ID `json:"id"`
	Title  string   `json:"title"`
	Expect string   `json:"expect"`
}

type listOutput struct {
	Cases []listed `json:"cases"`
	More  int      `json:"more,omitempty" jsonschema:"how many more there are"`
}

func (s *server) list(_ context.Context, _ *mcp.CallToolRequest, in listInput) (*mcp.CallToolResult, listOutput, error) {
	out := listOutput{Cases: []listed{}}
	all := catalogue.All()
	if patterns := strings.Fields(strings.ReplaceAll(in.Cases, ",", " ")); len(patterns) > 0 {
		var err error
		if all, _, err = runfile.Select(all, patterns, nil); err != nil {
			return nil, out, err
		}
	}
	words := strings.Fields(strings.ToLower(in.Search))
	for _, c := range all {
		text := strings.ToLower(c.Title + " " + c.Expect)
		switch {
		case slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }):
		case len(out.Cases) == maxListed:
			out.More++
		default:
			out.Cases = append(out.Cases, listed{c.ID, c.Title, c.Expect})
		}
	}
	return nil, out, nil
}

type explainInput struct {
	Case string `json:"case" jsonschema:"the id, such as 5.15"`
}

func (s *server) explain(_ context.Context, _ *mcp.CallToolRequest, in explainInput) (*mcp.CallToolResult, any, error) {
	c, ok := catalogue.Find(cases.ID(in.Case))
	if !ok {
		return nil, nil, fmt.Errorf("unknown case %q; the tool list lists them", harness.Clip(in.Case, 80))
	}
	var text bytes.Buffer
	if err := reports.ExplainJSON(&text, c); err != nil {
		return nil, nil, err
	}
	return said(text.String()), nil, nil
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// A target is what is tested: one of its members is set.
type target struct {
	URL     string `json:"url,omitempty" jsonschema:"of a server that runs already, such as ws://127.0.0.1:9001"`
	Command string `json:"command,omitempty" jsonschema:"that starts a server; {port} becomes a free port, {host} the address"`
}

func (t target) request() (ui.Request, error) {
	switch {
	case t.URL != "" && t.Command != "":
		return ui.Request{}, errors.New("give url or command, not both")
	case t.URL != "":
		return ui.Request{Kind: "server", Value: t.URL}, nil
	case t.Command != "":
		return ui.Request{Kind: "command", Value: t.Command}, nil
	}
	return ui.Request{}, errors.New("say what to test: url or command")
}

type runInput struct {
	target
	Client  string `json:"client,omitempty" jsonschema:"command of a client that speaks Autobahn's driver protocol; {url} becomes the address to connect to"`
	Cases   string `json:"cases,omitempty" jsonschema:"patterns of ids; all if absent"`
	Exclude string `json:"exclude,omitempty" jsonschema:"patterns of ids to leave out"`
}

// A runOutput is the part of test --json that tells most.
type runOutput struct {
	Headline string         `json:"headline"`
	Exit     int            `json:"exit" jsonschema:"0 conforms, 1 fails, 4 incomplete, 5 cannot be tested"`
	Counts   map[string]int `json:"counts"`
	Failures []failure      `json:"failures"`
	More     int            `json:"more,omitempty" jsonschema:"how many more failures there are"`
	RunFile  string         `json:"runFile"`
}

type failure struct {
	Case         string   `json:"case"`
	Title        string   `json:"title"`
	Outcome      string   `json:"outcome"`
	Reason       string   `json:"reason,omitempty"`
	CloseReason  string   `json:"closeReason,omitempty"`
	Note         string   `json:"note,omitempty"`
	Sections     []string `json:"sections,omitempty"`
	Requirements []string `json:"requirements,omitempty"`
	Script       string   `json:"script,omitempty"`
	Repeat       string   `json:"repeat,omitempty"`
}

func (s *server) run(ctx context.Context, _ *mcp.CallToolRequest, in runInput) (*mcp.CallToolResult, runOutput, error) {
	var q ui.Request
	var err error
	if in.Client != "" && in.target == (target{}) {
		q = ui.Request{Kind: "client", Value: in.Client}
	} else if q, err = in.request(); err != nil {
		return nil, runOutput{}, err
	}
	q.Cases, q.Exclude = in.Cases, in.Exclude
	args, err := q.Args(s.Program)
	if err != nil {
		return nil, runOutput{}, err
	}
	dir, err := s.folder("run")
	if err != nil {
		return nil, runOutput{}, err
	}
	text, err := s.play(ctx, args, dir)
	if err != nil {
		return nil, runOutput{}, err
	}
	var whole struct {
		Headline string         `json:"headline"`
		Counts   map[string]int `json:"counts"`
		Gate     struct {
			Exit int `json:"exit"`
		} `json:"gate"`
		Cases []failure `json:"cases"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, runOutput{}, fmt.Errorf("what wsconform test printed: %w", err)
	}
	out := runOutput{Headline: whole.Headline, Exit: whole.Gate.Exit, Counts: whole.Counts, Failures: []failure{}, RunFile: filepath.Join(dir, "run.jsonl")}
	for _, f := range whole.Cases {
		switch harness.Outcome(f.Outcome) {
		case harness.Fail, harness.Crash, harness.Timeout, harness.Blocked, harness.HarnessError:
			if len(out.Failures) == maxFailures {
				out.More++
				continue
			}
			f.Reason, f.CloseReason, f.Note = reports.Visible(f.Reason), reports.Visible(f.CloseReason), reports.Visible(f.Note)
			out.Failures = append(out.Failures, f)
		case harness.Pass, harness.PassLenient, harness.Unsupported, harness.Observed, harness.NotRun:
		}
	}
	return nil, out, nil
}

type labInput struct {
	target
	Client string `json:"client,omitempty" jsonschema:"command of a client, to which the script is played as the server; {url} becomes the address to connect to"`
	Script string `json:"script" jsonschema:"one step a line"`
}

func (s *server) lab(ctx context.Context, _ *mcp.CallToolRequest, in labInput) (*mcp.CallToolResult, any, error) {
	q, err := in.request()
	if in.Client != "" && in.target == (target{}) {
		q, err = ui.Request{Kind: "client", Value: in.Client}, nil
	}
	if err == nil {
		err = rawscript.Check(in.Script)
	}
	if err != nil {
		return nil, nil, err
	}
	args, err := q.Args(s.Program)
	if err == nil {
		args, err = ui.Dump(args)
	}
	if err != nil {
		return nil, nil, err
	}
	dir, err := s.folder("lab")
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "script.txt")
	if err := os.WriteFile(file, []byte(in.Script), 0o600); err != nil {
		return nil, nil, err
	}
	if _, err := s.play(ctx, append(args, "--script="+file, "--record="+dir), dir); err != nil {
		return nil, nil, err
	}
	run, err := runfile.Open(filepath.Join(dir, "run.jsonl"))
	if err != nil {
		return nil, nil, err
	}
	if len(run.Results) == 0 || run.Results[0].Transcript == nil {
		return nil, nil, errors.New("nothing was played: is there a server?")
	}
	if one := run.Results[0]; one.Outcome == harness.Blocked {
		return nil, nil, errors.New(reports.Visible(one.Note))
	}
	var text strings.Builder
	text.WriteString("-> sent, <- received\n")
	if err := reports.WriteLog(&text, run.Results[0].Transcript, ""); err != nil {
		return nil, nil, err
	}
	for i, t := range run.Results[0].Transcript.Conns() {
		text.WriteString("\nwhat happened")
		if i > 0 {
			fmt.Fprintf(&text, " on connection %d", i+1)
		}
		text.WriteString("\n")
		for _, e := range t.Events {
			text.WriteString("  " + reports.Visible(e.String()) + "\n")
		}
	}
	return said(harness.Clip(text.String(), maxText)), nil, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *server) folder(name string) (string, error) {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(s.Dir, time.Now().Format("0102-150405")+"-"+name+"-")
}

// play plays wsconform test and returns its JSON.
func (s *server) play(ctx context.Context, args []string, dir string) ([]byte, error) {
	select {
	case s.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.slot }()
	ctx, cancel := context.WithTimeout(ctx, runPatience)
	defer cancel()
	words := slices.Concat(s.Program, args)
	if args[0] != "dump" {
		words = slices.Concat(s.Program, []string{args[0], "--json", "-o", dir}, args[1:])
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // wsconform itself
	var out, errs bytes.Buffer
	cmd.Stderr = &errs
	if args[0] != "dump" { // it prints what its record has
		cmd.Stdout = &out
	}
	cmd.WaitDelay = 20 * time.Second
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("stopped: %w; the results so far are in %s", context.Cause(ctx), dir)
	case out.Len() > 0:
		return out.Bytes(), nil
	case args[0] == "dump" && exists(filepath.Join(dir, "run.jsonl")):
		return nil, nil
	case err == nil:
		return nil, errors.New("wsconform test printed nothing")
	}
	said := errs.String()
	return nil, errors.New(reports.Visible(said[max(0, len(said)-600):]))
}
