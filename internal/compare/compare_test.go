package compare_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The test's own program is the supervisor, and an agent: "supervise ARGS...", and
// "server HOST PORT", an echo that ends itself when a message has as many bytes
// as the variable CRASH says, or uses up memory if GREED says so, or "client URL", which runs its cases; "eat" uses up
// memory, "reach ADDRESS..." says which of them can be reached, and "late" is told
// in serveLate.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(m.Run())
	}
	if err := program(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func program(name string, args []string) error {
	switch name {
	case "supervise":
		k, command, err := compare.ParseSupervisor(args)
		if err != nil {
			return err
		}
		k.Output = os.Stdout
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		return k.Run(ctx, command)
	case "server":
		l, err := net.Listen("tcp", net.JoinHostPort(args[0], args[1]))
		if err != nil {
			return err
		}
		return echoServer().Serve(l)
	case "late":
		return serveLate(args[0], args[1], args[2])
	case "client":
		return drive(args[0])
	case "reach":
		return reach(args)
	case "eat":
		var all [][]byte
		for range 400 { // 400 MiB, within seconds
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
			time.Sleep(5 * time.Millisecond)
		}
		return fmt.Errorf("%d MiB were not too much", len(all))
	}
	return fmt.Errorf("no program %q", name)
}

// drive speaks Autobahn's driver protocol.
func drive(base string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := ws.Dial(ctx, base+"/getCaseCount", nil)
	if err != nil {
		return err
	}
	_, count, err := c.Read(ctx)
	if err != nil {
		return err
	}
	_ = c.Close(wsproto.StatusNormalClosure, "")
	n, err := strconv.Atoi(string(count))
	if err != nil {
		return err
	}
	for i := range n {
		c, err := ws.Dial(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=x", base, i+1), nil)
		if err != nil {
			return err
		}
		_ = echo(ctx, c) // ends with the connection
	}
	c, err = ws.Dial(ctx, base+"/updateReports?agent=x", nil)
	if err != nil {
		return err
	}
	_ = echo(ctx, c)
	return nil
}

func reach(addrs []string) error {
	var list []error
	for _, addr := range addrs {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err == nil {
			_ = c.Close()
			err = fmt.Errorf("reached %s", addr)
		}
		list = append(list, err)
	}
	return errors.Join(list...)
}

func echoServer() *ws.Server {
	return &ws.Server{Accept: ws.AcceptOptions{Origins: []string{"*"}}, Handler: echo}
}

func echo(ctx context.Context, c *ws.Conn) error {
	for {
		kind, message, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if crash := os.Getenv("CRASH"); crash == "any" || crash == fmt.Sprint(len(message)) {
			os.Exit(7)
		}
		if os.Getenv("GREED") == fmt.Sprint(len(message)) {
			all := bytes.Repeat([]byte{1}, 400<<20)
			<-ctx.Done() // the supervisor ends us before
			return fmt.Errorf("%d bytes were not too much", len(all))
		}
		if err := c.Write(ctx, kind, message); err != nil {
			return err
		}
	}
}

const server = `server: ["{wsconform}", server, "{host}", "{port}"]`

// native is the default engine.
func native(t *testing.T) engine.Engine {
	t.Helper()
	e, err := engine.Kinds[0].Open(t.Context(), engine.Setup{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// agent is a folder with one agent, called sh-x.
func agent(t *testing.T, lines string) agentfile.Agent {
	t.Helper()
	text := "name: x\nlanguage: sh\nlibrary: x\npackage: {registry: none}\nversion: '1'\nlicence: MIT\nhomepage: none\nnotes: a test\n" + lines + "\n"
	a, err := agentfile.LoadOne(fstest.MapFS{"sh-x/agent.yaml": {Data: []byte(text)}}, "sh-x")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func runner(t *testing.T) *compare.Runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.1.6", "2.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sel := runfile.Selection{Cases: []string{"1.1.1", "1.1.2", "1.1.6", "2.1"}, Catalogue: "test"}
	for _, c := range list {
		sel.Selected = append(sel.Selected, c.ID)
	}
	dir := t.TempDir()
	return &compare.Runner{
		Workshop: &compare.Workshop{Dir: filepath.Join(dir, "cache"), Program: []string{self, "supervise"}},
		Cases:    list, Selection: sel, Dir: filepath.Join(dir, "out"), StartPatience: 20 * time.Second, Repeats: 1,
	}
}

func play(t *testing.T, r *compare.Runner, list ...agentfile.Agent) []compare.Done {
	t.Helper()
	rows := compare.Rows(list, []cases.Role{cases.Server, cases.Client}, []engine.Engine{native(t)})
	done, err := r.Run(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// Whatever an agent does, its row says what, and nothing of it is left.
func TestHostileAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for agents that hang")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const away = "env: {GOPROXY: 'http://127.0.0.1:1', GOMODCACHE: /nonexistent/wsconform, GONOSUMDB: '*'}\n"
	for _, row := range []struct {
		name  string
		agent string
		cause harness.Cause
		words string // in the error
	}{
		{"does not build", "build: [sh, -c, \"echo 'x.c:1: error: boom'; exit 3\"]\n" + server, harness.CauseBuild, "boom"},
		{"the registry is away", "build: [sh, -c, \"go mod init x; go get example.org/x@v1.0.0\"]\n" + away + server, harness.CauseNetwork, "refused"},
		{"a program is missing", "needs: [wsconform-nothing]\ndebian: [nothing-dev]\n" + server, harness.CauseMissing, "apt-get install nothing-dev"},
		{"cannot be started", `server: ["./nothing"]`, harness.CauseStart, "nothing"},
		{"ends at once", `server: [sh, -c, "echo no port; exit 4"]`, harness.CauseStart, "exit"},
		{"never listens", `server: [sleep, "97"]`, harness.CauseStart, "nothing listens"},
		{"listens elsewhere", `server: ["{wsconform}", server, "{host}", "0"]`, harness.CauseStart, "nothing listens"},
		{"wants the port of another", `server: ["{wsconform}", server, "{host}", "` + port(t, taken) + `"]`, harness.CauseStart, "address already in use"},
		{"does not echo", `server: [python3, -m, http.server, "{port}", --bind, "{host}"]`, harness.CauseEcho, "answers the opening handshake with"},
		{"eats memory", "server: [\"{wsconform}\", eat]\nresources: {memory: 64MiB}", harness.CauseMemory, "64MiB"},
		{"fork bomb", "server: [sh, -c, \"while :; do sleep 97 & done\"]\nresources: {pids: 50}", harness.CauseProcess, "may have 50"},
		{"client that does nothing", `client: ["true"]`, harness.CauseStart, "asked for no case"},
		{"client that hangs", `client: [sh, -c, "setsid sleep 97 & sleep 0.1; exit 3"]`, harness.CauseStart, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			mark := fmt.Sprintf("WSCONFORM_TEST_%d_%d", os.Getpid(), time.Now().UnixNano())
			t.Setenv(mark, "1")
			r := runner(t)
			if strings.Contains(row.words, "nothing listens") {
				r.StartPatience = time.Second
			}
			done := play(t, r, agent(t, row.agent))
			got := done[0]
			if got.Cause != row.cause || !strings.Contains(got.Error, row.words) || got.State != runfile.Partial {
				t.Errorf("got %s, %q, %q; want %q in a partial run and %q in the error", got.State, got.Cause, got.Error, row.cause, row.words)
			}
			if left := withVariable(mark); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		})
	}
}

func port(t *testing.T, l net.Listener) string {
	t.Helper()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// withVariable lists the processes, but this one, that have the variable.
func withVariable(name string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		pid := filepath.Base(filepath.Dir(file))
		p, err := os.ReadFile(file)
		if err == nil && pid != fmt.Sprint(os.Getpid()) && bytes.Contains(p, []byte(name+"=")) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			list = append(list, fmt.Sprintf("%s %q", pid, command))
		}
	}
	return list
}

// A build that hangs is ended, with what it started.
func TestBuildHangs(t *testing.T) {
	r := runner(t)
	r.Workshop.Patience = 500 * time.Millisecond
	got := play(t, r, agent(t, "build: [sh, -c, \"sleep 97\"]\n"+server))[0]
	if got.Cause != harness.CauseHang {
		t.Errorf("got %q (%s), want %q", got.Cause, got.Error, harness.CauseHang)
	}
}

// An agent that ends in one case has verdicts in all others.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts agents again and again")
	}
	for role, command := range map[cases.Role]string{cases.Server: server, cases.Client: `client: ["{wsconform}", client, "{url}"]`} {
		t.Run(role.String(), func(t *testing.T) {
			r := runner(t)
			got := play(t, r, agent(t, command+"\nenv: {CRASH: '125'}"))[0] // 1.1.2 sends 125 bytes
			run, err := runfile.Open(got.File)
			if err != nil {
				t.Fatal(err)
			}
			outcomes := map[cases.ID]harness.Outcome{}
			for _, res := range run.Results {
				outcomes[res.Case] = res.Outcome
			}
			for id, want := range map[cases.ID]harness.Outcome{"1.1.1": harness.Pass, "1.1.2": harness.Crash, "1.1.6": harness.Pass, "2.1": harness.Pass} {
				if outcomes[id] != want {
					t.Errorf("case %s: got %s, want %s", id, outcomes[id], want)
				}
			}
			if got.Cause != harness.CauseCrash {
				t.Errorf("cause: got %q (%s), want %q", got.Cause, got.Error, harness.CauseCrash)
			}
		})
	}
}

// So has one that uses up its memory in one case.
func TestGreed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts agents again and again")
	}
	for role, command := range map[cases.Role]string{cases.Server: server, cases.Client: `client: ["{wsconform}", client, "{url}"]`} {
		t.Run(role.String(), func(t *testing.T) {
			r := runner(t)
			got := play(t, r, agent(t, command+"\nserial: true\nenv: {GREED: '125'}\nresources: {memory: 128MiB}"))[0] // 1.1.2 sends 125 bytes
			run, err := runfile.Open(got.File)
			if err != nil {
				t.Fatal(err)
			}
			for _, res := range run.Results {
				if passed := res.Outcome == harness.Pass; passed == (res.Case == "1.1.2") {
					t.Errorf("case %s: got %s (%s)", res.Case, res.Outcome, res.Note)
				}
			}
			if len(run.Results) != 4 || got.Cause != harness.CauseMemory {
				t.Errorf("got %d results, cause %q (%s); want 4, and %q", len(run.Results), got.Cause, got.Error, harness.CauseMemory)
			}
		})
	}
}

// A server without compression has its verdicts in the cases about it.
func TestUnsupported(t *testing.T) {
	r := runner(t)
	var err error
	if r.Cases, err = pattern.Select(catalogue.All(), []string{"12.1.1", "12.1.2"}, nil); err != nil {
		t.Fatal(err)
	}
	r.Selection.Selected = []cases.ID{"12.1.1", "12.1.2"}
	if got := play(t, r, agent(t, server))[0]; got.State != runfile.Complete || got.Counts[harness.Unsupported] != 2 || got.Error != "" {
		t.Errorf("got %s, %v, %q; want a complete run of 2 unsupported cases", got.State, got.Counts, got.Error)
	}
}

// Secrets in an agent's command, or in what it prints, reach no file.
func TestSecretsOfAgents(t *testing.T) {
	r := runner(t)
	got := play(t, r, agent(t, `server: [sh, -c, 'echo "$0" "$@" >&2; exec {wsconform} server {host} {port}', "--token=SEEDED", "--password", "SEEDED", "wss://me:SEEDED@host.test/?key=SEEDED", "Authorization: Bearer SEEDED"]`))[0]
	if got.State != runfile.Complete {
		t.Fatalf("got %s (%s), want complete", got.State, got.Error)
	}
	said := 0
	err := filepath.WalkDir(r.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("SEEDED")) {
			t.Errorf("%s has a secret:\n%.300s", path, data[max(0, bytes.Index(data, []byte("SEEDED"))-50):])
		}
		said += bytes.Count(data, []byte("--token="+runfile.Masked))
		return err
	})
	if err != nil || said < 2 { // in the run file and in the log
		t.Errorf("the command is told %d times, %v", said, err)
	}
}

// A daemon that the agent leaves behind is ended with it, and does not hold the
// row up.
func TestDaemon(t *testing.T) {
	mark := fmt.Sprintf("WSCONFORM_TEST_%d_daemon", os.Getpid())
	t.Setenv(mark, "1")
	got := play(t, runner(t), agent(t, `server: [sh, -c, "setsid sleep 97 & exec {wsconform} server {host} {port}"]`))[0]
	if got.State != runfile.Complete {
		t.Errorf("got %s (%s), want complete", got.State, got.Error)
	}
	if left := withVariable(mark); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// A row is kept while agent, engine and cases are the same, and played again
// once one of them differs, or when it broke off.
func TestResume(t *testing.T) {
	r := runner(t)
	a := agent(t, server)
	if got := play(t, r, a)[0]; got.Kept || got.State != runfile.Complete || got.Counts[harness.Pass] != 4 {
		t.Fatalf("first: got kept %t, %s, %v; want a complete run of 4", got.Kept, got.State, got.Counts)
	}
	if got := play(t, r, a)[0]; !got.Kept || got.Counts[harness.Pass] != 4 {
		t.Errorf("again: got kept %t, %v; want it kept", got.Kept, got.Counts)
	}
	if got := play(t, r, agent(t, server+"\nserial: true"))[0]; got.Kept {
		t.Error("another agent.yaml: the row was kept")
	}
	r.Selection.Selected, r.Cases = r.Selection.Selected[:2], r.Cases[:2]
	if got := play(t, r, a)[0]; got.Kept {
		t.Error("other cases: the row was kept")
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.Again = true
	r.Progress = func(e compare.Event) {
		if e.Kind == compare.RowBegan {
			cancel()
		}
	}
	rows := compare.Rows([]agentfile.Agent{a}, []cases.Role{cases.Server}, []engine.Engine{native(t)})
	if _, err := r.Run(ctx, rows); err == nil {
		t.Error("interrupted: got no error")
	}
	r.Again, r.Progress = false, nil
	if got := play(t, r, a)[0]; got.Kept || got.State != runfile.Complete {
		t.Errorf("after an interrupt: got kept %t, %s; want it played again", got.Kept, got.State)
	}
}

// Rows beside each other do not get into each other's way.
func TestParallel(t *testing.T) {
	r := runner(t)
	r.Parallel = 3
	one := agent(t, server)
	two, three := one, one
	two.Folder, three.Folder = "sh-y", "sh-z"
	for _, d := range play(t, r, one, two, three) {
		if d.State != runfile.Complete {
			t.Errorf("%s: got %s (%s), want complete", d.Name(), d.State, d.Error)
		}
	}
}
