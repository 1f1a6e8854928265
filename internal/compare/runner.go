package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A Row is one line of the matrix: an agent in one role under one engine.
type Row struct {
	Agent  agentfile.Agent
	Role   cases.Role
	Engine engine.Engine
}

// Name names the row, and its files: go-gorilla-server-native.
func (r Row) Name() string {
	return r.Agent.Folder + "-" + r.Role.String() + "-" + r.Engine.About().Name
}

// Rows lists the agents in the roles that they have, under each engine.
func Rows(list []agentfile.Agent, roles []cases.Role, engines []engine.Engine) []Row {
	var rows []Row
	for _, a := range list {
		for _, role := range roles {
			if len(commandOf(a, role)) == 0 {
				continue
			}
			for _, e := range engines {
				rows = append(rows, Row{a, role, e})
			}
		}
	}
	return rows
}

// commandOf is what starts the agent in the role; empty if it does not have that role.
func commandOf(a agentfile.Agent, role cases.Role) []string {
	switch role {
	case cases.Client:
		return a.Client
	case cases.Gateway:
		return a.Gateway
	case cases.Server:
	}
	return a.Server
}

// A Runner plays the same cases for every row, and writes a run file for each.
type Runner struct {
	Workshop  *Workshop
	Cases     []cases.Case
	Selection runfile.Selection
	Shard     *runfile.Shard // of the selection; nil if it is the whole
	Dir       string         // gets runs/ROW.jsonl and logs/ROW.log
	Tool      string         // of the headers, as is Host
	Host      runfile.Host
	// Parallel is how many rows are played at once. 0 means one for every
	// processor: rows mostly wait for timers, so that halves the time of two. No
	// verdict of 2470 moved between one and four rows at once on two processors.
	Parallel int
	// Repeats is how often a verdict that may be owed to chance is played again.
	// 0 means not at all.
	Repeats int
	// Patience bounds one row, and StartPatience how long a server may take to
	// listen. 0 means 30 minutes and 30 seconds.
	Patience, StartPatience time.Duration
	// Network, if not nil, has agents run in containers on it, [InContainer]; else
	// they are processes of the machine, as builds always are.
	Network *docker.Network
	// Again plays also rows that have a run file already.
	Again bool
	// Progress is told when something begins or ends, one at a time. Nil ignores it.
	Progress func(Event)

	mu sync.Mutex // serializes Progress
}

const rowPatience = 30 * time.Minute

// An Event tells how far a comparison has got.
type Event struct {
	Kind  EventKind
	Row   Row   // of all kinds but Building and BuildFailed, where it has only an agent
	Done  *Done // of RowEnded
	Err   error // of BuildFailed
	Index int   // how many of its kind have begun or ended, or verdicts are disputed
	Total int
}

// EventKind tells events apart.
type EventKind int

// The kinds of event.
const (
	Building EventKind = iota
	BuildFailed
	RowBegan
	RowEnded
	Disputed // verdicts of the row, and how many: the engines disagree on them, so both play them again
)

// A Done row has a run file.
type Done struct {
	Row
	File     string
	State    runfile.State
	Cause    harness.Cause // why it is not complete, where that is the agent's trouble
	Error    string
	Counts   map[harness.Outcome]int
	Varied   int // cases whose verdicts differ from play to play
	Duration time.Duration
	Kept     bool   // from an earlier comparison
	Worker   string // that played it, or the last shard of it; "" is this program
}

// ErrInUse says that another comparison writes to the same folder.
var ErrInUse = errors.New("another comparison is at work there; wait for its end, or choose another folder")

// claim keeps other comparisons out of the folder.
func (r *Runner) claim(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Second, ErrInUse)
	defer cancel()
	unlock, err = lock(ctx, filepath.Join(r.Dir, ".lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Dir, err)
	}
	return unlock, nil
}

// Run plays the rows. The error is that of the harness, such as [ErrInUse], or the
// cause of ctx; an agent's trouble is in the row.
func (r *Runner) Run(ctx context.Context, rows []Row) ([]Done, error) {
	unlock, err := r.claim(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	built, trouble, err := r.build(ctx, rows)
	if err != nil {
		return nil, err
	}
	done := make([]Done, len(rows))
	errs := make([]error, len(rows))
	slots := make(chan struct{}, r.parallel())
	var wg sync.WaitGroup
	begun, ended := 0, 0
	for i, row := range rows {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				errs[i] = context.Cause(ctx)
				return
			}
			r.report(func(e *Event) { begun++; *e = Event{Kind: RowBegan, Row: row, Index: begun, Total: len(rows)} })
			done[i], errs[i] = r.row(ctx, row, built[row.Agent.Folder], trouble[row.Agent.Folder])
			r.report(func(e *Event) {
				ended++
				*e = Event{Kind: RowEnded, Row: row, Done: &done[i], Index: ended, Total: len(rows)}
			})
		})
	}
	wg.Wait()
	err = errors.Join(first(errs)...)
	if ctx.Err() != nil {
		return done, err
	}
	return done, errors.Join(err, r.reconcile(ctx, done, built))
}

// first leaves repetitions of the same error out: an interrupt ends every row.
func first(errs []error) []error {
	var out []error
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}

func (r *Runner) parallel() int {
	if r.Parallel > 0 {
		return r.Parallel
	}
	return max(1, r.Host.CPUs)
}

func (r *Runner) report(fill func(*Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e Event
	fill(&e)
	if r.Progress != nil {
		r.Progress(e)
	}
}

// build builds the agents of the rows, one after the other, before any case is
// played: compilers would disturb the timers.
func (r *Runner) build(ctx context.Context, rows []Row) (map[string]*Built, map[string]error, error) {
	built, trouble := map[string]*Built{}, map[string]error{}
	var list []agentfile.Agent
	for _, row := range rows {
		if len(list) == 0 || list[len(list)-1].Folder != row.Agent.Folder {
			list = append(list, row.Agent)
		}
	}
	for i, a := range list {
		r.report(func(e *Event) { *e = Event{Kind: Building, Row: Row{Agent: a}, Index: i + 1, Total: len(list)} })
		b, err := r.Workshop.Build(ctx, a)
		var u *harness.UntestableError
		switch {
		case err == nil:
			built[a.Folder] = b
		case errors.As(err, &u):
			trouble[a.Folder] = err
			r.report(func(e *Event) { *e = Event{Kind: BuildFailed, Row: Row{Agent: a}, Err: err} })
		default:
			return nil, nil, err
		}
	}
	return built, trouble, nil
}

// row plays one row into its run file, unless that is there already.
func (r *Runner) row(ctx context.Context, row Row, b *Built, trouble error) (Done, error) {
	done := Done{Row: row, File: filepath.Join(r.Dir, "runs", row.Name()+".jsonl")}
	header := r.header(row, b)
	if !r.Again && trouble == nil {
		if run, ok := finished(done.File, header); ok {
			done.Kept = true
			return done.with(run), nil
		}
	}
	w, err := runfile.Create(done.File, header)
	if err != nil {
		return done, err
	}
	failure := trouble
	if failure == nil {
		failure = r.play(ctx, row, b, w)
	}
	_, err = w.Close(failure)
	if run, readErr := runfile.Open(done.File); readErr == nil {
		done = done.with(run)
	} else {
		err = errors.Join(err, readErr)
	}
	if failure != nil && !errors.Is(failure, harness.ErrUntestable) {
		err = errors.Join(fmt.Errorf("%s: %w", row.Name(), failure), err)
	}
	return done, err
}

func (d Done) with(run *runfile.Run) Done {
	d.State, d.Counts, d.Duration = run.State(), run.Counts(), run.Duration()
	if run.Footer != nil {
		d.Cause, d.Error = run.Footer.Cause, run.Footer.Error
	}
	for _, res := range run.Results {
		if len(res.Varied) > 0 {
			d.Varied++
		}
	}
	return d
}

// play plays the row. An agent's trouble is a [*harness.UntestableError].
func (r *Runner) play(ctx context.Context, row Row, b *Built, w *runfile.Writer) error {
	patience := cmp.Or(r.Patience, rowPatience)
	bounded, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	s, log, err := r.session(row, b, row.Name())
	if err != nil {
		return err
	}
	defer log.Close()
	s.write = func(res harness.Result) { _ = w.Case(res) } // Close reports the error
	err = s.play(bounded, r.cases(row.Role))
	if errors.Is(context.Cause(bounded), errPatience) && ctx.Err() == nil {
		return &harness.UntestableError{Cause: harness.CauseHang, Err: fmt.Errorf("it was not through after %v", patience)}
	}
	return err
}

// cases lists those that are for a peer in this role.
func (r *Runner) cases(role cases.Role) []cases.Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c cases.Case) bool { return !c.For(role) })
}

// selection is that of a row in this role.
func (r *Runner) selection(role cases.Role) runfile.Selection {
	sel := r.Selection
	sel.Selected = slices.DeleteFunc(slices.Clone(sel.Selected), func(id cases.ID) bool {
		return slices.ContainsFunc(r.Cases, func(c cases.Case) bool { return c.ID == id && !c.For(role) })
	})
	return sel
}

// session is one that plays the row, and the file with the agent's words, of
// logs/NAME.log.
func (r *Runner) session(row Row, b *Built, name string) (*session, io.Closer, error) {
	at := filepath.Join(r.Dir, "logs", name)
	file, err := createFile(at + ".log")
	if err != nil {
		return nil, nil, err
	}
	log := r.header(row, b).Masking().Writer(file)
	s := &session{
		built: b, role: row.Role, engine: row.Engine, workshop: r.Workshop, repeats: r.Repeats, network: r.Network, patience: cmp.Or(r.StartPatience, startPatience),
		log: log, fate: at + ".fate", place: at + ".place", results: map[cases.ID]harness.Result{},
	}
	if err := os.RemoveAll(s.fate); err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return s, log, nil
}

func createFile(path string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.Create(path)
}

func (r *Runner) isolation() Isolation {
	if r.Network != nil {
		return InContainer
	}
	return NoIsolation
}

func (r *Runner) header(row Row, b *Built) runfile.Header {
	a := row.Agent
	h := runfile.Header{
		Schema: runfile.SchemaVersion, Tool: r.Tool, Engine: row.Engine.About(), Selection: r.selection(row.Role), Shard: r.Shard, Started: time.Now().UTC(), Host: r.Host,
		Agent: harness.Agent{
			Name: a.Name, Version: a.Version, Role: row.Role, Command: commandOf(a, row.Role),
			About: &harness.Implementation{
				Folder: a.Folder, Hash: a.Hash(), Language: a.Language, Library: a.Library, Registry: a.Package.Registry, Package: a.Package.Name,
				Pinned: a.Version, Licence: a.Licence, Homepage: a.Homepage, Notes: a.Notes,
				Deflate: a.Capabilities.Deflate, MaxMessage: a.Capabilities.MaxMessage, Isolation: string(r.isolation()),
			},
		},
	}
	if b != nil {
		h.Agent.Version, h.Agent.About.Hash = b.Version, b.Key
	} else if key, err := keyOf(a); err == nil {
		h.Agent.About.Hash = key
	}
	return h
}
