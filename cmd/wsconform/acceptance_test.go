//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
)

// installed makes this test binary callable as wsconform and returns its path.
func installed(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "wsconform")
	if err := os.Symlink(exe, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// storeRun writes a complete run with this outcome for the first n cases.
func storeRun(t *testing.T, n int, r harness.Result) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	h := runfile.Header{Agent: harness.Agent{Name: "x"}}
	for _, c := range catalogue.All()[:n] {
		h.Selection.Selected = append(h.Selection.Selected, c.ID)
	}
	w, err := runfile.Create(path, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range h.Selection.Selected {
		r.Case = id
		if err := w.Case(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// An exit code that were a count would be 0 here.
func TestManyFailuresExitWithOne(t *testing.T) {
	wsconform := installed(t)
	for _, n := range []int{256, 512} {
		file := storeRun(t, n, harness.Result{Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseOK}})
		c := exec.Command(wsconform, "gate", file)
		c.Dir = t.TempDir()
		out, _ := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); got != exitFailed {
			t.Errorf("%d failures: exit code %d, want 1\n%s", n, got, out)
		}
	}
}

// A server that is gone after its 200th connection, in a run of all 517 cases, leaves
// cases without a verdict. That is never a pass, and each of them is on record.
func TestServerThatDiesOnTheWay(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int32
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		if count.Add(1) > 200 {
			l.Close()
			c.CloseNow()
			return nil
		}
		for {
			typ, msg, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := c.Write(ctx, typ, msg); err != nil {
				return err
			}
		}
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		<-served
	})
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"test", "ws://" + l.Addr().String(), "--suite", "autobahn", "--parallel", "1", "-o", out}, &stdout, &stderr)
	if code != exitAgent || !strings.Contains(stdout.String(), "cases have no verdict: ") || !strings.Contains(stdout.String(), "to 13.7.18") {
		t.Errorf("exit code %d, want 5 and the missing cases by name\n%s%s", code, &stdout, &stderr)
	}
	stored, err := runfile.Open(filepath.Join(out, "run.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, r := range stored.Results {
		if r.Outcome.Ran() {
			played++
		}
	}
	if missing := len(stored.Missing()); len(stored.Header.Selection.Selected) != 517 || played < 150 || played > 200 || missing != 517-played {
		t.Errorf("of %d cases %d have a verdict and %d have none; want 517, at most 200, and the rest", len(stored.Header.Selection.Selected), played, missing)
	}
	if !strings.Contains(stderr.String(), "the server was gone after case ") {
		t.Errorf("stderr %s, want after which case", &stderr)
	}
	if _, err := os.Stat(filepath.Join(out, "junit.xml")); err != nil {
		t.Errorf("after an abort: %v", err)
	}
	if code := run(t.Context(), []string{"gate", filepath.Join(out, "run.jsonl")}, io.Discard, io.Discard); code != exitAgent {
		t.Errorf("the stored run: exit code %d, want 5", code)
	}
}

// Nothing of a run is left in the process for the next one.
func TestTwoRunsInOneProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	wsconform := installed(t)
	for i, row := range []struct {
		fault string
		code  int
	}{{"conformant", exitOK}, {"pong-empty", exitFailed}, {"conformant", exitOK}} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{
			"test", "--server-cmd", wsconform + " echo --addr {host}:{port} --fault " + row.fault, "--cases", "1.1.*,2.*", "-o", filepath.Join(t.TempDir(), "out"),
		}, &stdout, &stderr)
		if code != row.code || !strings.Contains(stdout.String(), "19 cases: ") {
			t.Errorf("run %d, of %s: exit code %d, want %d\n%s%s", i+1, row.fault, code, row.code, &stdout, &stderr)
		}
	}
}

// slowRun starts a run that takes a while, and returns when some of its cases have
// ended.
func slowRun(t *testing.T, out string) *exec.Cmd {
	t.Helper()
	wsconform := installed(t)
	c := exec.Command(wsconform, "test", "--server-cmd", wsconform+" echo --addr {host}:{port} --fault echo-late", "--cases", "1.*,6.1.*", "--parallel", "2", "-o", out)
	c.Dir = t.TempDir()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if len(caseLines(t, filepath.Join(out, "run.jsonl"))) >= 3 {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal("no case has ended within a minute")
		}
	}
}

// caseLines returns the cases in a run file, all of whose lines must be whole.
func caseLines(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var ids []string
	for in := bufio.NewReader(f); ; {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return ids
		}
		var l struct{ Kind, Case string }
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%s: %v in %.80s", path, err, line)
		}
		if l.Kind == "case" {
			ids = append(ids, l.Case)
		}
	}
}

func TestInterruptKeepsResultsAndReports(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	out := t.TempDir()
	c := slowRun(t, out)
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if got := c.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit code %d, want 130", got)
	}
	for _, name := range []string{"junit.xml", "index.html"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Errorf("after an interrupt: %v", err)
		}
	}
	if code := run(t.Context(), []string{"gate", filepath.Join(out, "run.jsonl")}, io.Discard, io.Discard); code == exitOK {
		t.Error("the rest of a run passed")
	}
}

// However often SIGTERM comes, the end is in good order, so that nothing is left.
func TestTermAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	out := t.TempDir()
	c := slowRun(t, out)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait()
	}()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for sent := 0; ; sent++ {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
			if got := c.ProcessState.ExitCode(); got != exitInterrupted || sent == 0 {
				t.Errorf("after %d signals: %v, want exit code 130", sent+1, c.ProcessState)
			}
			return
		case <-again.C:
		}
	}
}

func TestKillKeepsWhatHadEnded(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	out := t.TempDir()
	c := slowRun(t, out)
	agents := children(c.Process.Pid)
	if len(agents) == 0 {
		t.Error("no agent runs")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	file := filepath.Join(out, "run.jsonl")
	ended := caseLines(t, file)
	stored, err := runfile.Open(file)
	if err != nil || len(stored.Results) < 3 || len(stored.Results) != len(ended) {
		t.Fatalf("%v; %d results of %d lines, want all and at least 3", err, len(stored.Results), len(ended))
	}
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"gate", file}, &stdout, io.Discard); code != exitIncomplete && code != exitFailed || !strings.Contains(stdout.String(), "have no verdict: ") {
		t.Errorf("exit code %d, want that the gate names what is missing:\n%s", code, &stdout)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		for _, pid := range agents {
			if syscall.Kill(pid, 0) == nil && !zombie(pid) {
				left++
			}
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d agents outlive the harness", left)
		}
	}
}

func children(pid int) []int {
	var list []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(text)) {
			var child int
			fmt.Sscan(word, &child)
			list = append(list, child)
		}
	}
	return list
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// mounted runs a shell script in a mount namespace of its own.
func mounted(t *testing.T, script string) (code int, out string) {
	t.Helper()
	if err := exec.Command("unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt").Run(); err != nil {
		t.Skip("needs the right to mount: run it as root")
	}
	wsconform := installed(t)
	c := exec.Command("unshare", "-m", "sh", "-c", script)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "W="+wsconform)
	b, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(b)
}

const testIt = `$W test --server-cmd "$W echo --addr {host}:{port}" --cases '1.*,5.*,6.*' -o `

func TestDiskFull(t *testing.T) {
	code, out := mounted(t, `mkdir full && mount -t tmpfs -o size=128k none full && `+testIt+`full; code=$?
		$W gate full/run.jsonl; echo gate $?; cp full/run.jsonl kept.jsonl; exit $code`)
	if code != exitHarness || !strings.Contains(out, "no space left on device") || !strings.Contains(out, "what was written before is kept") {
		t.Errorf("exit code %d, want 3 and why:\n%s", code, out)
	}
	if !strings.Contains(out, "gate 4") || !strings.Contains(out, "have no verdict: ") {
		t.Errorf("want that the gate takes the file for incomplete:\n%s", out)
	}
}

func TestReadOnlyOutput(t *testing.T) {
	code, out := mounted(t, `mkdir ro && mount -t tmpfs -o ro none ro && `+testIt+`ro/out`)
	if code != exitHarness || !strings.Contains(out, "read-only file system") {
		t.Errorf("exit code %d, want 3 and why:\n%s", code, out)
	}
}
