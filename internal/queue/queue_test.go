package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/queue"
)

const (
	token = "a-token"
	about = "version 1"
)

// start runs a server on the address, with its files in dir.
func start(t *testing.T, dir, address string) *queue.Server {
	t.Helper()
	s, err := queue.Start(queue.ServerOptions{Dir: dir, Listen: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// A server that cannot listen says so at once: nobody can interrupt it while it waits.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begun := time.Now()
	_, err = queue.Start(queue.ServerOptions{Dir: t.TempDir(), Listen: l.Addr().String(), Token: token})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v, want that the address is in use", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Who is interrupted while no server answers says that, not that none answers.
func TestConnectInterrupted(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = queue.Connect(ctx, queue.Access{URL: "nats://" + l.Addr().String(), Token: token, Patience: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want the end of the context", err)
	}
}

// A certificate whose file a full disk has left empty is made again.
func TestEmptyCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "server.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := start(t, dir, "0.0.0.0:0"); s.Pin == "" {
		t.Error("the server has no certificate")
	}
}

func driver(t *testing.T, s *queue.Server) *queue.Queue {
	t.Helper()
	q, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func connect(t *testing.T, url string) *queue.Queue {
	t.Helper()
	q, err := queue.Connect(t.Context(), queue.Access{URL: url, Token: token, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

func tasks(n int) []queue.Task {
	var list []queue.Task
	for i := range n {
		list = append(list, queue.Task{Name: fmt.Sprintf("task-%03d", i), Body: fmt.Append(nil, i), Limit: time.Minute})
	}
	return list
}

// results collects what a driver accepts.
type results struct {
	mu   sync.Mutex
	list map[string][]queue.Result
}

func (r *results) accept(res queue.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = map[string][]queue.Result{}
	}
	r.list[res.Task] = append(r.list[res.Task], res)
	return nil
}

// check wants one result of each task, played.
func (r *results) check(t *testing.T, want []queue.Task) {
	t.Helper()
	for _, task := range want {
		list := r.list[task.Name]
		if len(list) != 1 || list[0].GaveUp != "" || string(list[0].Data) != "played "+string(task.Body) {
			t.Errorf("%s: got %+v, want one result", task.Name, list)
		}
	}
	if len(r.list) != len(want) {
		t.Errorf("%d tasks have results, want %d", len(r.list), len(want))
	}
}

func play(_ context.Context, t queue.Task) ([]byte, error) {
	return []byte("played " + string(t.Body)), nil
}

func worker(name string) queue.Worker {
	return queue.Worker{Name: name, About: about, Able: func([]string) bool { return true }, Play: play, Patience: 20 * time.Second}
}

func job(list []queue.Task, r *results) queue.Job {
	return queue.Job{ID: "test", About: about, Tasks: list, Lease: 400 * time.Millisecond, Patience: 20 * time.Second, Accept: r.accept}
}

// work runs a worker until its job is over or the test ends.
func work(t *testing.T, q *queue.Queue, w queue.Worker) (ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := q.Work(ctx, w)
		done <- err
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return done
}

func drive(t *testing.T, q *queue.Queue, j queue.Job) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := q.Drive(ctx, j); err != nil {
		t.Fatal(err)
	}
}

// A worker may be there before its server.
func TestWorkerFirst(t *testing.T) {
	t.Parallel()
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if _, err := queue.Connect(t.Context(), queue.Access{URL: "nats://" + address, Token: token}); !errors.Is(err, nats.ErrNoServers) {
		t.Fatalf("without a server: got %v", err)
	}
	var r results
	list := tasks(1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		q, err := queue.Connect(t.Context(), queue.Access{URL: "nats://" + address, Token: token, Patience: 20 * time.Second})
		if err != nil {
			t.Error(err)
			return
		}
		defer q.Close()
		if _, err := q.Work(t.Context(), worker("w")); err != nil {
			t.Error(err)
		}
	})
	drive(t, driver(t, start(t, t.TempDir(), address)), job(list, &r))
	r.check(t, list)
}

// Several workers play each task once, and end with the job.
func TestWork(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	var ends []<-chan error
	for i := range 3 {
		ends = append(ends, work(t, connect(t, s.URL), worker(fmt.Sprint("w", i))))
	}
	var r results
	list := tasks(40)
	drive(t, driver(t, s), job(list, &r))
	r.check(t, list)
	for _, end := range ends {
		if err := <-end; err != nil {
			t.Errorf("a worker ended with %v", err)
		}
	}
}

// A worker whose connection ends in the middle of a task loses it to another one.
func TestWorkerLost(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	lost := worker("lost")
	began := make(chan bool, 1)
	lost.Play = func(ctx context.Context, _ queue.Task) ([]byte, error) {
		began <- true
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	gone := connect(t, s.URL)
	work(t, gone, lost)
	go func() {
		<-began
		gone.Close()
		work(t, connect(t, s.URL), worker("other"))
	}()
	var r results
	list := tasks(1)
	drive(t, driver(t, s), job(list, &r))
	r.check(t, list)
	if got := r.list[list[0].Name][0]; got.Worker != "other" || len(got.Attempts) != 2 {
		t.Errorf("got %+v, want the second attempt's", got)
	}
}

// A worker that hangs and sends heartbeats loses its task when the limit is over. What it
// says later does not count.
func TestWorkerHangs(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	began, release := make(chan bool, 1), make(chan bool)
	hung := worker("hung")
	hung.Once = true
	hung.Play = func(context.Context, queue.Task) ([]byte, error) {
		began <- true
		<-release // whatever its context says
		return []byte("late"), nil
	}
	end := work(t, connect(t, s.URL), hung)
	go func() {
		<-began
		work(t, connect(t, s.URL), worker("other"))
	}()
	var r results
	list := tasks(2)
	for i := range list {
		list[i].Limit = 300 * time.Millisecond
	}
	j := job(list, &r)
	j.Lease = 100 * time.Millisecond
	drive(t, driver(t, s), j)
	r.check(t, list)
	close(release)
	if err := <-end; err != nil {
		t.Error(err)
	}
	r.check(t, list)
	taken := slices.ContainsFunc(list, func(task queue.Task) bool {
		a := r.list[task.Name][0].Attempts
		return len(a) == 2 && a[0].Worker == "hung" && strings.Contains(a[0].Trouble, "no result after 300ms")
	})
	if !taken {
		t.Errorf("got %+v, want the attempt of the hung worker with its reason", r.list)
	}
}

// A task that no worker can bring to an end is given up, with the reasons.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	w := worker("w")
	w.Play = func(_ context.Context, task queue.Task) ([]byte, error) {
		if task.Name == "task-001" {
			return nil, errors.New("the compiler is on fire")
		}
		return play(context.Background(), task)
	}
	work(t, connect(t, s.URL), w)
	var r results
	list := tasks(3)
	j := job(list, &r)
	j.Lease, j.Attempts = 100*time.Millisecond, 3
	drive(t, driver(t, s), j)
	got := r.list["task-001"][0]
	if want := "given up after 3 attempts; w: the compiler is on fire"; !strings.HasPrefix(got.GaveUp, want) {
		t.Errorf("got %q, want %q", got.GaveUp, want)
	}
	delete(r.list, "task-001")
	r.check(t, slices.Delete(list, 1, 2))
}

// What no worker can play is given up after a while, and the rest is played.
func TestNobodyAble(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	w := worker("w")
	w.Able = func(needs []string) bool { return !slices.Contains(needs, "ghc") }
	work(t, connect(t, s.URL), w)
	var r results
	list := tasks(3)
	list[0].Needs = []string{"ghc", "docker"}
	list[1].Needs = []string{"go"}
	var notes []string
	j := job(list, &r)
	j.Patience, j.Note = 700*time.Millisecond, func(line string) { notes = append(notes, line) }
	drive(t, driver(t, s), j)
	if got, want := r.list["task-000"][0].GaveUp, "no worker took it within 700ms; it needs docker,ghc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := "1 unit waits for a worker that has docker,ghc"; !slices.Contains(notes, want) {
		t.Errorf("got the notes %q, want %q", notes, want)
	}
	delete(r.list, "task-000")
	r.check(t, list[1:])
}

// A result that the driver refuses is played again by another worker.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	liar := worker("liar")
	liar.Once = true
	liar.Play = func(context.Context, queue.Task) ([]byte, error) { return []byte("a lie"), nil }
	ended := work(t, connect(t, s.URL), liar)
	go func() {
		<-ended
		work(t, connect(t, s.URL), worker("honest"))
	}()
	var r results
	list := tasks(1)
	j := job(list, &r)
	j.Accept = func(res queue.Result) error {
		if string(res.Data) == "a lie" {
			return &queue.RefusedError{Why: "another digest"}
		}
		return r.accept(res)
	}
	drive(t, driver(t, s), j)
	r.check(t, list)
	if got := r.list["task-000"][0].Attempts; len(got) != 2 || got[0].Trouble != "its result was refused: another digest" {
		t.Errorf("got the attempts %+v, want the liar's with the reason", got)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	if _, err := queue.Connect(t.Context(), queue.Access{URL: s.URL, Token: "wrong"}); !errors.Is(err, queue.ErrRefused) {
		t.Errorf("wrong token: got %v, want %v", err, queue.ErrRefused)
	}
	old := worker("old")
	old.About = "version 0"
	ended := work(t, connect(t, s.URL), old)
	go func() {
		var mismatch *queue.MismatchError
		if err := <-ended; !errors.As(err, &mismatch) || mismatch.Driver != about || mismatch.Worker != "version 0" {
			t.Errorf("an old version: got %v, want a mismatch", err)
		}
		work(t, connect(t, s.URL), worker("new"))
	}()
	var r results
	list := tasks(1)
	drive(t, driver(t, s), job(list, &r))
	r.check(t, list)
}

// A driver that is stopped, with its server, continues where it was, and the workers
// wait for it.
func TestServerRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that restart")
	}
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, "127.0.0.1:0")
	address := strings.TrimPrefix(s.URL, "nats://")
	q, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	end := work(t, connect(t, s.URL), worker("w"))
	var r results
	list := tasks(30)
	half, cancel := context.WithCancel(t.Context())
	j := job(list, &r)
	j.Accept = func(res queue.Result) error {
		if len(r.list) == 10 {
			cancel()
		}
		return r.accept(res)
	}
	if err := q.Drive(half, j); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it stopped", err)
	}
	q.Close()
	s.Stop()
	left := slices.DeleteFunc(slices.Clone(list), func(task queue.Task) bool { return r.list[task.Name] != nil })
	if len(left) == 0 || len(left) == len(list) {
		t.Fatalf("%d of %d are left, want some", len(left), len(list))
	}
	again := start(t, dir, address)
	drive(t, driver(t, again), job(left, &r))
	r.check(t, list)
	if err := <-end; err != nil {
		t.Error(err)
	}
}

// A server that two comparisons want has one of them.
func TestInUse(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := make(chan bool, 1)
	first := job(tasks(1), &results{})
	first.Began = func(string, string) { began <- true }
	ended := make(chan error, 1)
	q := driver(t, s)
	go func() { ended <- q.Drive(ctx, first) }()
	w := worker("w")
	w.Play = func(ctx context.Context, _ queue.Task) ([]byte, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	work(t, connect(t, s.URL), w)
	<-began
	second := job(tasks(1), &results{})
	second.ID = "another"
	if err := driver(t, s).Drive(t.Context(), second); !errors.Is(err, queue.ErrInUse) {
		t.Errorf("got %v, want %v", err, queue.ErrInUse)
	}
	cancel()
	<-ended
}

// The token of a worker does not let it queue tasks, or remove any, or speak for the
// driver.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan bool, 1)
	j := job(tasks(1), &results{})
	j.Began = func(string, string) { began <- true }
	w := worker("w")
	w.Play = func(ctx context.Context, _ queue.Task) ([]byte, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	ended := make(chan error, 1)
	q := driver(t, s)
	go func() { ended <- q.Drive(ctx, j) }()
	work(t, connect(t, s.URL), w)
	<-began
	defer func() { cancel(); <-ended }()
	denied := make(chan error, 10)
	nc, err := nats.Connect(s.URL, nats.UserInfo("worker", token), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{
		"wsconform.task.any.mine", "$KV.wsconform-job.job", "$JS.API.STREAM.PURGE.wsconform-tasks", "$JS.API.STREAM.DELETE.wsconform-tasks",
		"$JS.API.STREAM.MSG.DELETE.wsconform-tasks", "$JS.API.CONSUMER.DELETE.wsconform-tasks.any", "$JS.API.STREAM.CREATE.mine",
	} {
		if err := errors.Join(nc.Publish(subject, []byte("{}")), nc.Flush()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-denied:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: got %v, want it denied", subject, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: it was allowed", subject)
		}
	}
	if _, err := nc.SubscribeSync("_DRIVER.>"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(nc.Flush(), <-denied); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("the driver's inbox: got %v, want it denied", err)
	}
}

// A server that is there already serves one job after the other, and nothing of them stays.
func TestExternalServer(t *testing.T) {
	t.Parallel()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	url := "nats://" + s.Addr().String()
	for _, id := range []string{"first", "second"} {
		end := work(t, connect(t, url), worker(id))
		var r results
		list := tasks(3)
		j := job(list, &r)
		j.ID = id
		q := connect(t, url)
		drive(t, q, j)
		r.check(t, list)
		if err := <-end; err != nil {
			t.Errorf("%s: the worker ended with %v", id, err)
		}
		if err := q.Clear(t.Context()); err != nil {
			t.Errorf("%s: clear: %v", id, err)
		}
		if info, err := s.Jsz(&server.JSzOptions{}); err != nil || info.Streams != 0 {
			t.Errorf("%s: %d streams are left, %v", id, info.Streams, err)
		}
	}
}

// A proxy passes connections on, until it is cut.
type proxy struct {
	listener net.Listener
	to       string
	mu       sync.Mutex // guards conns
	conns    []net.Conn
	wg       sync.WaitGroup
}

func newProxy(t *testing.T, address, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", p.to)
			if err != nil {
				_ = c.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, c, there)
			p.mu.Unlock()
			p.wg.Go(func() { _, _ = io.Copy(there, c); _ = there.Close() })
			p.wg.Go(func() { _, _ = io.Copy(c, there); _ = c.Close() })
		}
	})
	t.Cleanup(p.cut)
	return p
}

func (p *proxy) cut() {
	_ = p.listener.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// A network that is cut for longer than the lease costs an attempt, and no result.
// WSCONFORM_QUEUE_CUT says for how long, a second without; after 10 seconds the worker says
// that it waits.
func TestNetworkCut(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for servers that restart")
	}
	t.Parallel()
	long, err := time.ParseDuration(cmp.Or(os.Getenv("WSCONFORM_QUEUE_CUT"), "1s"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir(), "127.0.0.1:0")
	p := newProxy(t, "127.0.0.1:0", strings.TrimPrefix(s.URL, "nats://"))
	address := p.listener.Addr().String()
	began := make(chan bool, 100)
	w := worker("w")
	w.Play = func(ctx context.Context, task queue.Task) ([]byte, error) {
		began <- true
		return play(ctx, task)
	}
	w.Patience = long + 20*time.Second
	var mu sync.Mutex
	var notes []string
	w.Note = func(line string) { mu.Lock(); defer mu.Unlock(); notes = append(notes, line) }
	end := work(t, connect(t, "nats://"+address), w)
	healed := make(chan time.Time, 1)
	go func() {
		for range 5 {
			<-began
		}
		p.cut()
		time.Sleep(long) // what is tested: the time without a network
		newProxy(t, address, p.to)
		healed <- time.Now()
	}()
	var r results
	list := tasks(20)
	j := job(list, &r)
	j.Patience = w.Patience
	ctx, cancel := context.WithTimeout(t.Context(), long+time.Minute)
	defer cancel()
	if err := driver(t, s).Drive(ctx, j); err != nil {
		t.Fatal(err)
	}
	r.check(t, list)
	if err := <-end; err != nil {
		t.Error(err)
	}
	t.Logf("cut for %v; all was played %v after that", long, time.Since(<-healed).Round(time.Millisecond))
	mu.Lock()
	defer mu.Unlock()
	said := slices.ContainsFunc(notes, func(line string) bool { return strings.Contains(line, "the server has not answered for ") }) &&
		slices.Contains(notes, "the server answers again")
	if long > 15*time.Second && !said {
		t.Errorf("the worker said %q, want that it waits for the server", notes)
	}
}

// A worker whose server is away for too long says so and ends.
func TestServerAway(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	first := worker("first")
	first.Once = true
	work(t, connect(t, s.URL), first)
	w := worker("w")
	w.Patience = time.Second
	w.Play = func(context.Context, queue.Task) ([]byte, error) {
		s.Stop()
		return nil, errors.New("the server is gone")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	j := job(tasks(2), &results{})
	j.Patience = time.Minute
	j.Accept = func(queue.Result) error { // the job is there, and one task is left
		go func() {
			ended <- <-work(t, connect(t, s.URL), w)
			cancel()
		}()
		return nil
	}
	if err := driver(t, s).Drive(ctx, j); err == nil {
		t.Error("the driver saw no error")
	}
	if err := <-ended; !errors.Is(err, queue.ErrAway) {
		t.Errorf("the worker ended with %v, want %v", err, queue.ErrAway)
	}
}

// TLS with a certificate that only its hash identifies.
func TestPin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, "0.0.0.0:0")
	u, err := url.Parse(s.URL)
	if err != nil || queue.Everywhere(u.Hostname()) {
		t.Fatalf("got %s, %v; want an address to connect to", s.URL, err)
	}
	url := "tls://127.0.0.1:" + u.Port()
	if u.Scheme != "tls" || len(s.Pin) != 64 {
		t.Fatalf("got %s, pin %q; want TLS", s.URL, s.Pin)
	}
	for _, pin := range []string{"", strings.Repeat("0", 64)} {
		if _, err := queue.Connect(t.Context(), queue.Access{URL: url, Token: token, Pin: pin}); err == nil {
			t.Errorf("pin %q: it connected", pin)
		}
	}
	q, err := queue.Connect(t.Context(), queue.Access{URL: url, Token: token, Pin: s.Pin})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	work(t, q, worker("w"))
	var r results
	list := tasks(2)
	drive(t, driver(t, s), job(list, &r))
	r.check(t, list)
	for _, name := range []string{"server.pem", "server.log"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want it for the owner alone", name, info, err)
		}
	}
}
