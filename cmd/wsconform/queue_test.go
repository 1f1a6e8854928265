//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A running is a command that a test has started.
type running struct {
	*exec.Cmd
	output string // file
	done   chan struct{}
}

func (p *running) said() string {
	text, _ := os.ReadFile(p.output)
	return string(text)
}

// kill ends the process as a power cut would.
func (p *running) kill() {
	_ = p.Process.Kill()
	<-p.done
}

// A yard is a folder in which commands of one comparison run.
type yard struct {
	t         *testing.T
	dir, mark string
	wsconform string
	address   string // of the server
	started   int
	env       []string
	cases     []string // flags that select them, and the agents
}

// newYard has agents, each of which is our own echo by another name.
func newYard(t *testing.T, agents ...string) *yard {
	t.Helper()
	y := &yard{t: t, dir: t.TempDir(), wsconform: copied(t), cases: yardCases, mark: fmt.Sprintf("WSCONFORM_QUEUE_TEST_%d_%d=1", os.Getpid(), time.Now().UnixNano())}
	y.env = append(os.Environ(), "DOCKER_HOST=unix:///no-docker.sock", "TMPDIR="+t.TempDir())
	text, err := os.ReadFile(filepath.Join(source, "fixtures/agents/go-wsconform/agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range agents {
		folder := filepath.Join(y.dir, "agents", name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		own := strings.Replace(string(text), "name: wsconform ws", "name: "+name, 1)
		if err := os.WriteFile(filepath.Join(folder, "agent.yaml"), []byte(own), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	y.address = "127.0.0.1:" + strconv.Itoa(port)
	return y
}

func (y *yard) start(args ...string) *running {
	y.t.Helper()
	y.started++
	file, err := os.Create(filepath.Join(y.dir, fmt.Sprint("output-", y.started)))
	if err != nil {
		y.t.Fatal(err)
	}
	p := &running{exec.Command(y.wsconform, args...), file.Name(), make(chan struct{})}
	p.Dir, p.Env, p.Stdout, p.Stderr = y.dir, append(slices.Clone(y.env), y.mark), file, file
	if err := p.Start(); err != nil {
		y.t.Fatal(err)
	}
	go func() { defer close(p.done); _ = p.Wait(); _ = file.Close() }()
	y.t.Cleanup(p.kill)
	return p
}

var yardCases = []string{"--agents", "agents", "--cache", "cache", "--suite", "autobahn", "--cases", "1.1.*,2.1,2.2,7.1.*"}

// compare compares the agents on one machine, into the folder.
func (y *yard) compare(out string) {
	y.t.Helper()
	p := y.start(slices.Concat([]string{"compare", "-o", out}, y.cases)...)
	<-p.done
	if code := p.ProcessState.ExitCode(); code != exitOK {
		y.t.Fatalf("compare: exit code %d\n%s", code, p.said())
	}
}

func (y *yard) serve(out string, more ...string) *running {
	y.t.Helper()
	return y.start(slices.Concat([]string{"compare", "--serve", "--listen", y.address, "--lease", "1s", "-o", out}, y.cases, more)...)
}

func (y *yard) token(out string) string {
	y.t.Helper()
	file := filepath.Join(y.dir, out, "queue", "token")
	for range 1000 {
		if _, err := os.Stat(file); err == nil {
			return file
		}
		time.Sleep(10 * time.Millisecond)
	}
	y.t.Fatal("the server has made no token")
	return ""
}

func (y *yard) work(token string, more ...string) *running {
	y.t.Helper()
	return y.start(slices.Concat([]string{"work", "nats://" + y.address, "--token-file", token, "--agents", "agents", "--cache", "cache"}, more)...)
}

// ended waits for a command.
func (y *yard) ended(p *running, code int) {
	y.t.Helper()
	select {
	case <-p.done:
	case <-time.After(2 * time.Minute):
		y.t.Fatalf("it did not end; it said:\n%s", p.said())
	}
	if got := p.ProcessState.ExitCode(); got != code {
		y.t.Errorf("exit code %d, want %d; it said:\n%s", got, code, p.said())
	}
}

// timed matches what differs between two comparisons of the same: times, and how long
// each case took.
var timed = regexp.MustCompile(`"(started|seconds)":"[^"]*"|"ms":\[[0-9,]*\]`)

// same wants two folders to hold the same comparison, durations aside.
func (y *yard) same(one, other string) {
	y.t.Helper()
	y.sameRows(one, other)
	var pages [2]string
	for i, out := range []string{one, other} {
		text, err := os.ReadFile(filepath.Join(y.dir, out, "index.html"))
		if err != nil {
			y.t.Fatal(err)
		}
		pages[i] = timed.ReplaceAllString(string(text), `"$1"`)
	}
	if pages[0] != pages[1] {
		y.t.Errorf("the pages of %s and %s differ beyond durations", one, other)
	}
}

// sameRows wants two folders to hold the same rows with the same verdicts.
func (y *yard) sameRows(one, other string) {
	y.t.Helper()
	var verdicts [2]string
	for i, out := range []string{one, other} {
		files, _ := filepath.Glob(filepath.Join(y.dir, out, "runs", "*.jsonl"))
		for _, file := range files {
			run, err := runfile.Open(file)
			if err != nil {
				y.t.Fatal(err)
			}
			h := run.Header
			h.Started = time.Time{}
			head, err := json.Marshal(h)
			if err != nil {
				y.t.Fatal(err)
			}
			verdicts[i] += fmt.Sprintf("%s %s %s\n", filepath.Base(file), run.State(), head)
			if run.Footer != nil {
				verdicts[i] += string(run.Footer.Cause) + "\n"
			}
			for _, id := range run.Header.Selection.Selected {
				for _, r := range run.Results {
					if r.Case == id {
						verdicts[i] += fmt.Sprintf("%s %s %s %s\n", id, r.Outcome, r.Behavior, r.Close)
					}
				}
			}
		}
	}
	if diff := gocmp.Diff(verdicts[0], verdicts[1]); diff != "" {
		y.t.Errorf("the run files differ (-%s +%s):\n%s", one, other, diff)
	}
}

// clean wants nothing to be left of the commands.
func (y *yard) clean() {
	y.t.Helper()
	c := exec.Command(y.wsconform, "clean")
	c.Env = y.env
	if said, err := c.CombinedOutput(); err != nil {
		y.t.Errorf("clean: %v\n%s", err, said)
	}
	if left := marked(y.mark); len(left) > 0 {
		y.t.Errorf("processes are left: %v", left)
	}
	for _, dir := range y.env {
		if tmp, ok := strings.CutPrefix(dir, "TMPDIR="); ok {
			if left, _ := filepath.Glob(filepath.Join(tmp, "wsconform-unit-*")); len(left) > 0 && tmp != os.TempDir() {
				y.t.Errorf("folders are left: %v", left)
			}
		}
	}
}

// The comparison that two workers make of shards is the one that a single machine makes. An
// interrupted one continues; a complete one is kept.
func TestQueueIsLikeOneMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	y := newYard(t, "sh-a", "sh-b")
	y.compare("alone")
	server := y.serve("queue", "--shards", "3")
	token := y.token("queue")
	first := y.work(token, "--name", "first")
	second := y.work(token, "--name", "second")
	y.ended(server, exitOK)
	y.ended(first, exitOK)
	y.ended(second, exitOK)
	y.same("alone", "queue")
	if _, err := os.Stat(filepath.Join(y.dir, "queue", "queue")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the queue's files are left: %v", err)
	}
	units, err := os.ReadFile(filepath.Join(y.dir, "queue", "units.jsonl"))
	if err != nil || strings.Count(string(units), `"worker":"`) < 12 {
		t.Errorf("units.jsonl: %v; want a line for each of 12 units:\n%s", err, units)
	}
	kept := y.serve("queue", "--shards", "3")
	y.ended(kept, exitOK)
	if said := kept.said(); strings.Count(said, "kept") != 4 {
		t.Errorf("a comparison that is complete:\n%s\nwant 4 rows kept", said)
	}
	y.clean()
}

// Workers with another agent, another version or the wrong token are told so, and change
// nothing.
func TestQueueStrangers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	y := newYard(t, "sh-a")
	server := y.serve("queue", "--role", "server", "--attempts", "2")
	token := y.token("queue")
	for _, row := range []struct {
		name string
		args []string
		env  string
		code int
		want string
	}{
		{"wrong token", []string{"--token-file", "wrong"}, "", exitHarness, "refuses the token"},
		{"no token", []string{"--token-file", "none"}, "", exitUsage, "--token-file"},
		{"old version", nil, "WSCONFORM_TEST_VERSION=v0.0.1", exitUsage, "this is wsconform v0.0.1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(y.dir, "wrong"), []byte("wrong\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			env := y.env
			y.env = append(slices.Clone(env), row.env)
			p := y.work(token, row.args...)
			y.env = env
			y.ended(p, row.code)
			if said := p.said(); !strings.Contains(said, row.want) {
				t.Errorf("it said:\n%s\nwant %q", said, row.want)
			}
		})
	}
	other := filepath.Join(y.dir, "other", "sh-a")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(y.dir, "agents", "sh-a", "agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "agent.yaml"), append(text, "# changed\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	worker := y.work(token, "--agents", "other", "--name", "changed")
	y.ended(server, exitAgent) // its only row has no verdict
	y.ended(worker, exitIncomplete)
	if said := server.said(); !strings.Contains(said, "no worker could play it; changed: the digest of agent sh-a is ") {
		t.Errorf("the server said:\n%s\nwant the digest that differs", said)
	}
	if said := worker.said(); !strings.Contains(said, "1 unit could be played neither here nor elsewhere: sh-a-server-") {
		t.Errorf("the worker said:\n%s\nwant the unit", said)
	}
	y.clean()
}

// Whenever workers and the server are killed, each unit has one result, and the comparison
// is that of one machine. WSCONFORM_QUEUE_KILLS says how often it kills, 3 times without, and
// WSCONFORM_QUEUE_SHARDS how many units each of the 4 rows is divided into, 4 without. With
// the former it measures how long a kill holds the comparison up.
func TestQueueKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	kills, _ := strconv.Atoi(os.Getenv("WSCONFORM_QUEUE_KILLS"))
	long := kills > 0
	kills = max(kills, 3)
	shards := cmp.Or(os.Getenv("WSCONFORM_QUEUE_SHARDS"), "4")
	y := newYard(t, "sh-a", "sh-b")
	y.compare("alone")
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var calm time.Duration // without kills
	if long {
		began := time.Now()
		y.killing(rnd, "calm", shards, 0)
		calm = time.Since(began)
		t.Logf("no kills in %v", calm.Round(time.Millisecond))
	}
	for round := 0; kills > 0; round++ {
		out := fmt.Sprint("queue-", round)
		began := time.Now()
		done := y.killing(rnd, out, shards, min(kills, 20))
		took := time.Since(began)
		t.Logf("%d kills in %v", done, took.Round(time.Millisecond))
		if long && done > 0 {
			t.Logf("%v lost per kill", ((took - calm) / time.Duration(done)).Round(time.Millisecond))
		}
		kills -= max(done, 1)
		units, err := os.ReadFile(filepath.Join(y.dir, out, "units.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, m := range unitLine.FindAllStringSubmatch(string(units), -1) {
			if seen[m[1]]++; seen[m[1]] > 1 {
				t.Errorf("%s has %d results", m[1], seen[m[1]])
			}
		}
		t.Logf("%d units, %d attempts", len(seen), strings.Count(string(units), `{"worker"`))
		y.same("alone", out)
	}
	y.clean()
}

var unitLine = regexp.MustCompile(`(?m)^\{"unit":"([^"]+)"`)

// killing makes a comparison with three workers, and kills one of them or the server so
// many times, at random moments.
func (y *yard) killing(rnd *rand.Rand, out, shards string, kills int) (killed int) {
	y.t.Helper()
	server := y.serve(out, "--shards", shards, "--attempts", "100")
	token := y.token(out)
	var workers [3]*running
	for i := range workers {
		workers[i] = y.work(token)
	}
	deadline := time.After(8 * time.Minute)
	for {
		var next <-chan time.Time
		if killed < kills {
			next = time.After(time.Duration(100+rnd.IntN(900)) * time.Millisecond)
		}
		select {
		case <-server.done:
			y.ended(server, exitOK)
			for _, w := range workers {
				y.ended(w, exitOK)
			}
			return killed
		case <-deadline:
			y.t.Fatalf("%s did not end; it said:\n%s", out, server.said())
		case <-next:
			killed++
			if i := rnd.IntN(4); i < len(workers) {
				workers[i].kill()
				workers[i] = y.work(token)
			} else {
				server.kill()
				server = y.serve(out, "--shards", shards, "--attempts", "100")
			}
		}
	}
}

// A token whose file a full disk has left empty is made again, and then kept.
func TestQueueEmptyToken(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var o queueOptions
	token, file, err := o.token(dir)
	if err != nil || token == "" {
		t.Fatalf("token %q, error %v", token, err)
	}
	if again, _, err := o.token(dir); err != nil || again != token {
		t.Errorf("then token %q, error %v", again, err)
	}
	if kept, err := readToken(file); err != nil || kept != token {
		t.Errorf("the file has token %q, error %v", kept, err)
	}
}

// edit changes the description of an agent.
func (y *yard) edit(name string, change func(text string) string) {
	y.t.Helper()
	file := filepath.Join(y.dir, "agents", name, "agent.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		y.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(change(string(text))), 0o644); err != nil {
		y.t.Fatal(err)
	}
}

// setBuild gives an agent a build command.
func (y *yard) setBuild(name, command string) {
	y.t.Helper()
	y.edit(name, func(text string) string { return fmt.Sprintf("%s\nbuild: [sh, -c, %q]\n", text, command) })
}

// An agent that one worker cannot build is played by another one, and that uses up no
// attempt. What none can build is in the comparison as on one machine, and exit codes say so.
func TestQueueUnbuilt(t *testing.T) {
	y := newYard(t, "sh-a", "sh-b")
	y.setBuild("sh-a", "test -n \"$CAN_BUILD\"")
	y.setBuild("sh-b", "echo the compiler is broken; exit 3")
	poor := y.env
	y.env = append(slices.Clone(y.env), "CAN_BUILD=yes")
	alone := y.start(slices.Concat([]string{"compare", "-o", "alone"}, yardCases)...)
	y.ended(alone, exitIncomplete)
	server := y.serve("queue", "--attempts", "1", "--lease", "5s") // the second worker has twice that to come
	token := y.token("queue")
	rich := y.env
	y.env = poor
	first := y.work(token, "--name", "poor", "--cache", "cache-poor")
	y.has(server, "poor could not play sh-a-server-")
	y.env = rich
	second := y.work(token, "--name", "rich", "--cache", "cache-rich")
	y.ended(server, exitIncomplete)
	y.ended(first, exitIncomplete)
	y.ended(second, exitIncomplete)
	y.sameRows("alone", "queue")
	for _, want := range []string{"no worker could play it; ", "the compiler is broken"} {
		if said := server.said(); !strings.Contains(said, want) {
			t.Errorf("the server said:\n%s\nwant %q", said, want)
		}
	}
	for _, worker := range []*running{first, second} {
		if said := worker.said(); !strings.Contains(said, "2 units could be played neither here nor elsewhere: sh-b-") {
			t.Errorf("a worker said:\n%s\nwant the units that nobody could play", said)
		}
	}
	y.clean()
}

// has waits until a command has said something.
func (y *yard) has(p *running, words string) {
	y.t.Helper()
	for range 6000 {
		if strings.Contains(p.said(), words) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	y.t.Fatalf("it did not say %q; it said:\n%s", words, p.said())
}

// A worker whose disk is full says so and ends. Its unit uses up no attempt.
func TestQueueWorkerDiskFull(t *testing.T) {
	y := newYard(t, "sh-a")
	full := t.TempDir()
	if err := syscall.Mount("wsconform-test", full, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(full, "fill"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	server := y.serve("queue", "--attempts", "1")
	token := y.token("queue")
	env := y.env
	y.env = append(slices.Clone(env), "TMPDIR="+full)
	worker := y.work(token, "--name", "full")
	y.ended(worker, exitHarness)
	if said := worker.said(); !strings.Contains(said, "no space left on device") || !strings.Contains(said, "played 0 units") {
		t.Errorf("the worker said:\n%s\nwant that its disk is full", said)
	}
	y.env = env
	other := y.work(token, "--name", "other")
	y.ended(server, exitOK)
	y.ended(other, exitOK)
	if said := server.said(); !strings.Contains(said, "full could not play sh-a-") {
		t.Errorf("the server said:\n%s\nwant what the worker could not play", said)
	}
	y.clean()
}
