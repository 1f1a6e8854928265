package autobahn_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/autobahn"
	"github.com/wsconform/wsconform/harness/docker"
	"github.com/wsconform/wsconform/harness/docker/dockertest"
	"github.com/wsconform/wsconform/ws"
)

// The agents of the tests are this program, started with these arguments.
const (
	serverAgent = "agent-server"
	clientAgent = "agent-client"
)

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == serverAgent:
		serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == clientAgent:
		drive(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
}

// serve accepts connections and does on each what its first line says.
func serve(port string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(2)
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, "hello")
			order, _ := bufio.NewReader(c).ReadString('\n')
			switch order {
			case "die\n":
				fmt.Println("oh no")
				os.Exit(9)
			case "hang\n":
				_, _ = io.Copy(io.Discard, c) // until the peer gives up
			}
		}()
	}
}

// drive runs all cases, up to the one that the order names.
func drive(base, order string) {
	ctx := context.Background()
	ask := func(resource string) string {
		c, err := ws.Dial(ctx, base+resource, nil)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		defer c.CloseNow()
		_, msg, _ := c.Read(ctx)
		_ = c.Discard(ctx)
		return string(msg)
	}
	if order == "idle" {
		fmt.Println("nothing to do")
		os.Exit(0)
	}
	count, _ := strconv.Atoi(ask("/getCaseCount"))
	for n := 1; n <= count; n++ {
		switch order {
		case fmt.Sprintf("die %d", n):
			c, err := ws.Dial(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=tester", base, n), nil)
			if err == nil {
				_, _, _ = c.Read(ctx) // the server has announced the case by now
			}
			fmt.Println("oh no")
			os.Exit(9)
		case fmt.Sprintf("stop %d", n):
			os.Exit(0)
		}
		ask(fmt.Sprintf("/runCase?case=%d&agent=tester", n))
	}
}

// A fake plays the part of the Docker engine, and of Autobahn in its containers.
type fake struct {
	dockertest.API
	orders map[string]string // case: what the agent is told
	onCase func(id string)   // when a case has begun

	mu    sync.Mutex // guards boxes
	boxes []*box
}

// A box is a container.
type box struct {
	*fake
	config  map[string][]byte // files copied in
	logs    *io.PipeWriter
	ended   chan struct{}
	removed chan struct{}

	mu      sync.Mutex                   // guards reports
	reports map[string]map[string][]byte // folder: files
}

func (f *fake) box(id string) *box {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, _ := strconv.Atoi(id)
	return f.boxes[n]
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	f.OnContainerCreate = func(*container.Config, *container.HostConfig) (container.CreateResponse, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		b := &box{fake: f, ended: make(chan struct{}), removed: make(chan struct{}), reports: map[string]map[string][]byte{}}
		f.boxes = append(f.boxes, b)
		return container.CreateResponse{ID: strconv.Itoa(len(f.boxes) - 1)}, nil
	}
	f.OnCopyTo = func(id, _ string, in io.Reader) (err error) {
		f.box(id).config, err = untar(in)
		return err
	}
	f.OnContainerStart = func(string) error { return nil }
	f.OnContainerLogs = func(ctx context.Context, id string, _ container.LogsOptions) (io.ReadCloser, error) {
		b := f.box(id)
		r, w := io.Pipe()
		b.logs = w
		context.AfterFunc(ctx, func() { _ = r.CloseWithError(ctx.Err()) })
		go b.play(t)
		return r, nil
	}
	f.OnContainerInspect = func(string) (container.InspectResponse, error) { return container.InspectResponse{}, nil }
	f.OnContainerWait = func(_ context.Context, id string) (container.WaitResponse, error) {
		<-f.box(id).ended
		return container.WaitResponse{StatusCode: 0}, nil
	}
	f.OnContainerRemove = func(_ context.Context, id string) error {
		close(f.box(id).removed)
		<-f.box(id).ended
		return nil
	}
	f.OnCopyFrom = func(id, folder string) (io.ReadCloser, container.PathStat, error) {
		b := f.box(id)
		b.mu.Lock()
		defer b.mu.Unlock()
		files, ok := b.reports[folder]
		if !ok {
			return nil, container.PathStat{}, dockertest.NotFound(folder)
		}
		return io.NopCloser(packed(path.Base(folder), files)), container.PathStat{Name: path.Base(folder), Mode: fs.ModeDir}, nil
	}
	return f
}

func untar(in io.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	for tr := tar.NewReader(in); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[path.Base(h.Name)], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}

func packed(folder string, files map[string][]byte) io.Reader {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_ = tw.WriteHeader(&tar.Header{Name: folder + "/" + name, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = tw.Write(files[name])
	}
	_ = tw.Close()
	return &buf
}

func (b *box) say(format string, a ...any) {
	_, _ = io.WriteString(b.logs, dockertest.Output(1, fmt.Sprintf(format+"\n", a...)))
}

func (b *box) play(t *testing.T) {
	t.Helper()
	defer close(b.ended)
	defer b.logs.Close()
	if spec, ok := b.config["server.json"]; ok {
		b.fuzzingServer(t, spec)
		return
	}
	for i := range len(b.config) {
		b.fuzzingClient(t, i, b.config[strconv.Itoa(i)+".json"])
	}
}

// fuzzingClient plays the cases of a part against the agent, as Autobahn does:
// a case is announced once the handshake is done, a refused connection ends the
// part, and reports are written at its end.
func (b *box) fuzzingClient(t *testing.T, part int, config []byte) {
	t.Helper()
	var spec struct {
		OutDir  string
		Servers []struct{ Agent, URL string }
		Cases   []string
	}
	if err := json.Unmarshal(config, &spec); err != nil {
		t.Error(err)
	}
	done := map[string]string{}
	for _, id := range spec.Cases {
		c, err := net.Dial("tcp", strings.TrimPrefix(spec.Servers[0].URL, "ws://"))
		if err != nil {
			b.say("Connection to %s failed (Connection was refused by other side)", spec.Servers[0].URL)
			break
		}
		done[id] = "FAILED"
		if hello, _ := bufio.NewReader(c).ReadString('\n'); hello != "" {
			b.say("Running test case ID %s for agent %s from peer tcp4:x", id, spec.Servers[0].Agent)
			b.begins(id)
			fmt.Fprintf(c, "%s\n", b.orders[id])
			stop := context.AfterFunc(t.Context(), func() { _ = c.Close() })
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				_, _ = io.Copy(io.Discard, c)
			}()
			select {
			case <-gone:
			case <-b.removed:
			}
			stop()
			if b.orders[id] == "" {
				done[id] = "OK"
			}
		}
		_ = c.Close()
	}
	b.report(spec.OutDir, spec.Servers[0].Agent, done)
	b.say("wsconform-part %d 0", part)
}

func (b *box) begins(id string) {
	if b.onCase != nil {
		b.onCase(id)
	}
}

// fuzzingServer serves the cases until the container is removed.
func (b *box) fuzzingServer(t *testing.T, config []byte) {
	t.Helper()
	var spec struct {
		URL, OutDir string
		Cases       []string
	}
	if err := json.Unmarshal(config, &spec); err != nil {
		t.Error(err)
	}
	u, _ := url.Parse(spec.URL)
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		t.Error(err)
		return
	}
	var mu sync.Mutex // guards done
	done := map[string]string{}
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) {
		resource, _ := url.Parse(c.Handshake().Target)
		switch resource.Path {
		case "/getCaseCount":
			_ = c.Write(ctx, ws.MessageText, []byte(strconv.Itoa(len(spec.Cases))))
		case "/runCase":
			n, _ := strconv.Atoi(resource.Query().Get("case"))
			id := spec.Cases[n-1]
			b.say("Running test case ID %s for agent %s from peer tcp4:x", id, "tester")
			b.begins(id)
			_ = c.Write(ctx, ws.MessageText, nil)
			verdict := "OK"
			if b.orders[id] == "hang" {
				_ = c.Discard(ctx)
				verdict = "FAILED"
			}
			mu.Lock()
			done[id] = verdict
			mu.Unlock()
		case "/updateReports":
			mu.Lock()
			b.report(spec.OutDir, "tester", done)
			mu.Unlock()
		}
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	<-b.removed
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = server.Shutdown(now)
	<-served
}

func (b *box) report(dir, agent string, done map[string]string) {
	if len(done) == 0 {
		return
	}
	files := map[string][]byte{}
	list := map[string]any{}
	for id, verdict := range done {
		name := "x_case_" + strings.ReplaceAll(id, ".", "_") + ".json"
		list[id] = map[string]any{"behavior": verdict, "behaviorClose": "OK", "reportfile": name}
		files[name] = fmt.Appendf(nil, `{"id": %q, "agent": %q, "behavior": %q, "behaviorClose": "OK", "duration": 3}`, id, agent, verdict)
	}
	files["index.json"], _ = json.Marshal(map[string]any{agent: list})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports[dir] = files
}

// list is two parts for a server: 1.1.1 to 1.1.4, then 2.1 to 2.3.
func list(t *testing.T) []cases.Case {
	t.Helper()
	l, err := cases.Select(cases.All(), []string{"1.1.1", "1.1.2", "1.1.3", "1.1.4", "2.1", "2.2", "2.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEngine(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type outcomes = map[cases.ID]harness.Outcome
	exit := func(err error) bool { return errors.As(err, new(*harness.AgentExitError)) }
	none := func(err error) bool { return err == nil }
	for _, row := range []struct {
		name    string
		role    cases.Role
		command []string          // of the agent, behind this program
		orders  map[string]string // case: what the agent does in it
		cancel  string            // the case in which the run is interrupted
		err     func(error) bool
		want    outcomes // of the cases that do not pass
		note    string   // is part of that of the first of these
		made    int      // containers
	}{
		{
			name: "server passes", command: []string{serverAgent, "{port}"},
			err: none, made: 1,
		},
		{
			name: "server dies", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.3": "die"},
			err:    exit, note: "oh no", made: 1,
			want: outcomes{
				"1.1.3": harness.Crash, "1.1.4": harness.NotRun,
				"2.1": harness.NotRun, "2.2": harness.NotRun, "2.3": harness.NotRun,
			},
		},
		{
			name: "server hangs twice", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"1.1.2": "hang", "2.3": "hang"},
			err:    none, note: "came to a halt", made: 2,
			want: outcomes{"1.1.2": harness.Timeout, "2.3": harness.Timeout},
		},
		{
			name: "interrupted", command: []string{serverAgent, "{port}"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err:  func(err error) bool { return errors.Is(err, context.Canceled) },
			note: "interrupted", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "server exits at once", command: []string{"agent-server", "-1"},
			err: exit, note: "had ended (exit status 2)", made: 0,
			want: outcomes{
				"1.1.1": harness.NotRun, "1.1.2": harness.NotRun, "1.1.3": harness.NotRun, "1.1.4": harness.NotRun,
				"2.1": harness.NotRun, "2.2": harness.NotRun, "2.3": harness.NotRun,
			},
		},
		{
			name: "client passes", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			err: none, made: 1,
		},
		{
			name: "client dies", role: cases.Client, command: []string{clientAgent, "{url}", "die 6"},
			err: exit, note: "oh no", made: 1,
			want: outcomes{"2.2": harness.Crash, "2.3": harness.NotRun},
		},
		{
			name: "client ends early", role: cases.Client, command: []string{clientAgent, "{url}", "stop 6"},
			err: none, note: "its last one was 2.1", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client hangs", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"1.1.2": "hang"},
			err:    none, note: "came to a halt", made: 2,
			want: outcomes{"1.1.2": harness.Timeout},
		},
		{
			name: "client interrupted", role: cases.Client, command: []string{clientAgent, "{url}", "all"},
			orders: map[string]string{"2.2": "hang"}, cancel: "2.2",
			err:  func(err error) bool { return errors.Is(err, context.Canceled) },
			note: "interrupted", made: 1,
			want: outcomes{"2.2": harness.NotRun, "2.3": harness.NotRun},
		},
		{
			name: "client never comes", role: cases.Client, command: []string{clientAgent, "{url}", "idle"},
			err:  func(err error) bool { return errors.Is(err, autobahn.ErrNoCase) },
			note: "did not run any case", made: 1,
			want: outcomes{
				"1.1.1": harness.Blocked, "1.1.2": harness.Blocked, "1.1.3": harness.Blocked, "1.1.4": harness.Blocked,
				"2.1": harness.Blocked, "2.2": harness.Blocked, "2.3": harness.Blocked,
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := newFake(t)
			f.orders = row.orders
			f.onCase = func(id string) {
				if id == row.cancel {
					cancel()
				}
			}
			agent := harness.Agent{Name: "tester", Role: row.role, Command: append([]string{self}, row.command...)}
			if row.role == cases.Server {
				port, err := harness.FreePort()
				if err != nil {
					t.Fatal(err)
				}
				agent.URL = "ws://127.0.0.1:" + strconv.Itoa(port)
			}
			dir := t.TempDir()
			engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
			engine.SetIdle(time.Minute)
			if row.note == "came to a halt" {
				engine.SetIdle(2 * time.Second)
			}
			var results []harness.Result
			err := engine.Run(ctx, agent, list(t), func(r harness.Result) { results = append(results, r) })
			if !row.err(err) {
				t.Errorf("Run: unexpected error %v", err)
			}
			got, notes := outcomes{}, ""
			for _, r := range results {
				if r.Outcome != harness.Pass {
					got[r.Case] = r.Outcome
					notes += r.Note + "\n"
					if r.Verdict != (cases.Verdict{}) {
						t.Errorf("case %s: %s, but with a verdict: %v", r.Case, r.Outcome, r.Verdict)
					}
				}
			}
			if row.want == nil {
				row.want = outcomes{}
			}
			if diff := cmp.Diff(got, row.want); diff != "" || len(results) != 7 {
				t.Errorf("%d results, outcomes (-got +want):\n%s", len(results), diff)
			}
			if !strings.Contains(notes, row.note) {
				t.Errorf("notes %q, want %q in them", notes, row.note)
			}
			if len(f.boxes) != row.made {
				t.Errorf("%d containers made, want %d", len(f.boxes), row.made)
			}
			for i, b := range f.boxes {
				select {
				case <-b.removed:
				default:
					t.Errorf("container %d was not removed", i)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, ".part")); err == nil {
				t.Error("a part of the reports is left behind")
			}
			if passed := 7 - len(row.want); passed > 0 {
				kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
				if err != nil || len(kept) < passed {
					t.Errorf("reports kept: %d, %v; want %d", len(kept), err, passed)
				}
			}
		})
	}
}

// A client comes to the address that it is given, and so does Autobahn.
func TestEngineAddress(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Address: "127.0.0.2"}
	agent := harness.Agent{Name: "tester", Role: cases.Client, Command: []string{self, clientAgent, "{url}", "all"}}
	passed := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if spec := string(f.box("0").config["server.json"]); err != nil || passed != 7 || !strings.Contains(spec, `"ws://127.0.0.2:`) {
		t.Errorf("%d cases passed, error %v, configuration %s; want 7 at 127.0.0.2", passed, err, spec)
	}
}

// A server that is said to listen is not asked whether it does.
func TestEngineListens(t *testing.T) {
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port)}
	for _, listens := range []bool{false, true} {
		f := newFake(t)
		engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Listens: listens, Patience: time.Millisecond}
		_ = engine.Run(t.Context(), agent, list(t), func(harness.Result) {}) // nothing listens
		if asked := len(f.boxes) == 0; asked == listens {
			t.Errorf("Listens %t: asked %t", listens, asked)
		}
	}
}

// An engine that goes away in mid-run is the harness's failure, not the agent's.
func TestEngineGone(t *testing.T) {
	f := newFake(t)
	var gone atomic.Bool
	f.OnPing = func() error {
		if gone.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	f.onCase = func(id string) {
		if id == "1.1.2" {
			gone.Store(true)
			_ = f.box("0").logs.CloseWithError(io.ErrUnexpectedEOF)
		}
	}
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{
		Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port),
		Command: []string{self, serverAgent, "{port}"},
	}
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any"}
	n := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		n++
		if r.Outcome != harness.NotRun {
			t.Errorf("case %s: %s, want not-run", r.Case, r.Outcome)
		}
	})
	if !errors.Is(err, docker.ErrNoEngine) || n != 7 {
		t.Errorf("Run: %v with %d results, want ErrNoEngine and 7", err, n)
	}
}

// With a client, what went before the part under way is kept.
func TestEngineGoneClient(t *testing.T) {
	f := newFake(t)
	f.orders = map[string]string{"9.1.2": "hang"} // so that the agent does not end meanwhile
	var gone atomic.Bool
	f.OnPing = func() error {
		if gone.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	f.onCase = func(id string) {
		if id == "9.1.2" {
			gone.Store(true)
			_ = f.box("1").logs.CloseWithError(io.ErrUnexpectedEOF)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list, err := cases.Select(cases.All(), []string{"1.1.1", "2.1", "9.1.1", "9.1.2", "9.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{Name: "tester", Role: cases.Client, Command: []string{self, clientAgent, "{url}", "all"}}
	dir := t.TempDir()
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	got := map[cases.ID]harness.Outcome{}
	err = engine.Run(t.Context(), agent, list, func(r harness.Result) { got[r.Case] = r.Outcome })
	want := map[cases.ID]harness.Outcome{
		"1.1.1": harness.Pass, "2.1": harness.Pass,
		"9.1.1": harness.NotRun, "9.1.2": harness.NotRun, "9.1.3": harness.NotRun,
	}
	if diff := cmp.Diff(got, want); !errors.Is(err, docker.ErrNoEngine) || diff != "" {
		t.Errorf("Run: error %v, want ErrNoEngine; outcomes (-got +want):\n%s", err, diff)
	}
	if kept, err := autobahn.ReadReports(os.DirFS(dir), "tester"); err != nil || len(kept) != 2 {
		t.Errorf("reports kept: %d, %v; want 2", len(kept), err)
	}
}

// Reports that cannot be kept, as on a full disk, cost no result: those of the
// parts before stay as they are, and nothing of the part at hand is left.
func TestReportsNotKept(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t)
	f.onCase = func(id string) {
		if id == "2.1" {
			if err := os.Mkdir(filepath.Join(dir, "x_case_2_2.json"), 0o755); err != nil {
				t.Error(err)
			}
		}
	}
	port, err := harness.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := harness.Agent{
		Name: "tester", URL: "ws://127.0.0.1:" + strconv.Itoa(port),
		Command: []string{self, serverAgent, "{port}"},
	}
	engine := autobahn.Engine{Docker: docker.New(f), Image: "any", Dir: dir}
	passed := 0
	err = engine.Run(t.Context(), agent, list(t), func(r harness.Result) {
		if r.Outcome == harness.Pass {
			passed++
		}
	})
	if passed != 7 || err == nil || !strings.Contains(err.Error(), "could not all be kept") {
		t.Errorf("%d cases passed, error %v; want 7, and that reports were not kept", passed, err)
	}
	if err := os.Remove(filepath.Join(dir, "x_case_2_2.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	kept, err := autobahn.ReadReports(os.DirFS(dir), "tester")
	if err != nil || len(kept) != 4 {
		t.Errorf("reports kept: %d, %v; want 4", len(kept), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 5 {
		t.Errorf("files: %v, %v; want the index and four reports", files, err)
	}
}
