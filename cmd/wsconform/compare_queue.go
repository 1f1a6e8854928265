package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/queue"
)

// queueOptions are the flags of compare that give its rows to other machines.
type queueOptions struct {
	serve     bool
	listen    string
	tokenFile string
	nats      string
	shards    int
	lease     time.Duration
	attempts  int
	wait      time.Duration
	launchOptions
}

// queueFlags are their names; the rest needs --serve.
var queueFlags = []string{"listen", "token-file", "nats", "shards", "lease", "attempts", "wait"}

func (o *queueOptions) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.serve, "serve", false, "play nothing here: give the rows to the workers (wsconform work) that connect")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "with --serve, listen for workers on this `ADDRESS`; with TLS unless it is of the loopback interface")
	f.StringVar(&o.tokenFile, "token-file", "", "with --serve, workers must have the token in this `FILE` (default DIR/queue/token, which is made)")
	f.StringVar(&o.nats, "nats", "", "with --serve, use the NATS server with JetStream at this `URL` instead of starting one; --token-file may have the password of its user")
	f.IntVar(&o.shards, "shards", 1, "with --serve, divide each row into so many parts, `N`, and join their run files")
	f.DurationVar(&o.lease, "lease", 15*time.Second, "with --serve, give a unit to another worker when its worker has been silent for so long")
	f.IntVar(&o.attempts, "attempts", 5, "with --serve, how many workers may try a unit, `N`")
	f.DurationVar(&o.wait, "wait", 10*time.Minute, "with --serve, give up what is left when no worker has played anything for so long")
	o.launchOptions.flags(f)
}

func (o *queueOptions) check(f *pflag.FlagSet) error {
	if err := o.launchOptions.check(f); err != nil {
		return err
	}
	if o.on != "" {
		if o.nats != "" || !f.Changed("listen") {
			return usagef("--on needs --listen, with an address that the workers reach, and no --nats")
		}
		o.serve = true
	}
	if !o.serve {
		for _, name := range queueFlags {
			if f.Changed(name) {
				return usagef("--%s has no effect without --serve", name)
			}
		}
		return nil
	}
	switch {
	case f.Changed("parallel"):
		return usagef("--parallel has no effect with --serve: start as many workers as you want")
	case o.nats != "" && f.Changed("listen"):
		return usagef("--listen has no effect with --nats")
	case o.shards < 1 || o.attempts < 1:
		return usagef("--shards and --attempts must be at least 1")
	case o.lease < 100*time.Millisecond || o.wait <= 0:
		return usagef("--lease must be at least 100ms, and --wait more than 0")
	}
	if o.tokenFile != "" {
		if _, err := readToken(o.tokenFile); err != nil {
			return err
		}
	}
	if o.nats != "" {
		if err := (queue.Access{URL: o.nats}).Check(); err != nil {
			return usagef("--nats: %w", err)
		}
		return nil
	}
	if _, err := net.ResolveTCPAddr("tcp", o.listen); err != nil {
		return listenError("compare", "--listen", err)
	}
	if host, _, _ := net.SplitHostPort(o.listen); o.on != "" && queue.Everywhere(host) {
		return usagef("--on needs --listen with one address that the workers reach, not with all")
	}
	return nil
}

// about is what the driver and its workers must have in common.
func about() string {
	return fmt.Sprintf("wsconform %s with cases %.12s", toolVersion(), cases.Fingerprint(catalogue.Of(cases.Autobahn, cases.RFC)))
}

// run has the rows played by workers, whose agents are in the folder. The files of the
// queue are removed once all is played.
func (o *queueOptions) run(c *cobra.Command, r *compare.Runner, rows []compare.Row, isolation compare.Isolation, agents string) ([]compare.Done, error) {
	division, err := r.Divide(c.Context(), rows, compare.DivideOptions{Shards: o.shards, Isolation: isolation})
	if err != nil {
		return nil, err
	}
	defer division.Close()
	job := o.job(c, division)
	if len(job.Tasks) == 0 {
		return division.Done(), nil
	}
	dir := filepath.Join(r.Dir, "queue")
	if r.Again {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if job.ID, err = driverID(r.Dir); err != nil {
		return nil, err
	}
	units, err := newUnitLog(r.Dir)
	if err != nil {
		return nil, err
	}
	defer units.Close()
	job.Accept = func(res queue.Result) error { return accept(c, division, units, res) }
	if o.nats != "" {
		err = o.external(c, job, len(job.Tasks))
	} else {
		err = o.embedded(c, dir, agents, job)
	}
	return division.Done(), err
}

// job lists the units as tasks.
func (o *queueOptions) job(c *cobra.Command, division *compare.Division) queue.Job {
	job := queue.Job{
		About: about(), Lease: o.lease, Attempts: o.attempts, Patience: o.wait,
		Began: func(task, _ string) { division.Began(task) },
		Note:  func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) },
	}
	for unit, a := range division.Open {
		body, err := json.Marshal(unit)
		if err != nil {
			panic(err) //nolint:forbidigo // plain data, which JSON takes
		}
		job.Tasks = append(job.Tasks, queue.Task{Name: unit.Name(), Needs: unit.Needs(a), Body: body, Limit: unit.Limit()})
	}
	return job
}

// accept puts a result into the folder.
func accept(c *cobra.Command, division *compare.Division, units *unitLog, r queue.Result) error {
	if r.GaveUp != "" {
		fmt.Fprintf(c.ErrOrStderr(), "unit %s: %s\n", r.Task, r.GaveUp)
		err := compare.ErrUnlike
		if len(r.Data) > 0 { // the run file of an agent that could not be built
			err = division.Accept(r.Task, r.Worker, r.Data)
		}
		if errors.Is(err, compare.ErrUnlike) {
			err = division.GiveUp(r.Task, r.GaveUp)
		}
		return errors.Join(err, units.add(r))
	}
	err := division.Accept(r.Task, r.Worker, r.Data)
	if errors.Is(err, compare.ErrUnlike) {
		return &queue.RefusedError{Why: err.Error()}
	}
	return errors.Join(err, units.add(r))
}

// lingers is how long the server waits at most for workers to see that the comparison is
// over. One that does not would wait for the server to come back.
const lingers = 15 * time.Second

// embedded runs the server in this program.
func (o *queueOptions) embedded(c *cobra.Command, dir, agents string, job queue.Job) error {
	token, file, err := o.token(dir)
	if err != nil {
		return err
	}
	server, err := queue.Start(queue.ServerOptions{Dir: dir, Listen: o.listen, Token: token})
	if err != nil {
		return err
	}
	defer server.Stop()
	q, err := server.Connect()
	if err != nil {
		return err
	}
	defer q.Close()
	how := "wsconform work " + server.URL + " --token-file " + file
	if server.Pin != "" {
		how += " --pin " + server.Pin
	}
	if host, _, _ := net.SplitHostPort(o.listen); queue.Everywhere(host) {
		how += " (or another address of this machine)"
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s for workers: %s\n", harness.Count(len(job.Tasks), "unit"), how)
	stop, err := o.launch(c, filepath.Dir(dir), agents, server, token)
	if err != nil {
		return err
	}
	stop = sync.OnceFunc(stop)
	defer stop()
	ctx, release := server.Guard(c.Context())
	defer release()
	if err := q.Drive(ctx, job); err != nil {
		err = fmt.Errorf("%w%s", err, server.Trouble())
		if errors.Is(err, syscall.ENOSPC) {
			err = errors.Join(err, server.Discard())
		}
		return err
	}
	stop()
	server.Linger(ctx, lingers)
	q.Close()
	server.Stop()
	return os.RemoveAll(dir)
}

// external uses a server that is there.
func (o *queueOptions) external(c *cobra.Command, job queue.Job, units int) error {
	token := ""
	if o.tokenFile != "" {
		var err error
		if token, err = readToken(o.tokenFile); err != nil {
			return err
		}
	}
	q, err := queue.Connect(c.Context(), queue.Access{URL: o.nats, Token: token, Name: "driver"})
	if err != nil {
		return err
	}
	defer q.Close()
	how := "wsconform work " + maskArgs([]string{o.nats}, o.nats)
	if o.tokenFile != "" {
		how += " --token-file " + o.tokenFile
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s for workers: %s\n", harness.Count(units, "unit"), how)
	if err := q.Drive(c.Context(), job); err != nil {
		return err
	}
	select {
	case <-c.Context().Done():
	case <-time.After(3 * time.Second): // for workers to see that it is over
	}
	return q.Clear(context.WithoutCancel(c.Context()))
}

// token reads the token of the workers, or makes one.
func (o *queueOptions) token(dir string) (token, file string, err error) {
	if o.tokenFile != "" {
		token, err = readToken(o.tokenFile)
		return token, o.tokenFile, err
	}
	file = filepath.Join(dir, "token")
	// An empty file is what a full disk has left.
	if info, err := os.Stat(file); err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		token, err = readToken(file)
		return token, file, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	token = rand.Text()
	return token, file, os.WriteFile(file, []byte(token+"\n"), 0o600)
}

func readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usagef("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \n") {
		return "", usagef("--token-file %s: it must hold one word", file)
	}
	return token, nil
}

// driverID tells this comparison from others that use the same server.
func driverID(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	return host + ":" + path, err
}

// A unitLog says who has played which unit, a line of JSON each.
type unitLog struct{ *os.File }

func newUnitLog(dir string) (*unitLog, error) {
	f, err := os.OpenFile(filepath.Join(dir, "units.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	return &unitLog{f}, err
}

func (l *unitLog) add(r queue.Result) error {
	line, err := json.Marshal(struct {
		Unit string `json:"unit"`
		queue.Result
	}{r.Task, r})
	if err != nil {
		return err
	}
	_, err = l.Write(append(bytes.TrimSpace(line), '\n'))
	return err
}
