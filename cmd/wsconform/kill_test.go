//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A killable is a command line that is killed, and what of its output is a promise.
type killable struct {
	name string
	args []string
	// lost lists what the output told and the folder does not hold.
	lost func(dir, output string) []string
}

// Whenever a command is killed, no verdict that it had told is missing from its files,
// and after wsconform clean none of the processes that it started is left. It kills
// as often as WSCONFORM_KILLS says, and takes a second each.
func TestKilled(t *testing.T) {
	kills, _ := strconv.Atoi(os.Getenv("WSCONFORM_KILLS"))
	if kills == 0 {
		t.Skip("WSCONFORM_KILLS says how many to kill")
	}
	wsconform := copied(t)
	address, stop := echoing(t, wsconform)
	defer stop()
	cache := t.TempDir()
	spec := filepath.Join(t.TempDir(), "spec.json")
	if err := os.WriteFile(spec, fmt.Appendf(nil,
		`{"outdir": "./out", "servers": [{"agent": "x", "url": "ws://%s"}], "cases": ["1.*", "2.*", "5.*", "7.*"], "exclude-cases": [], "exclude-agent-cases": {}}`, address), 0o644); err != nil {
		t.Fatal(err)
	}
	const selected = "1.*,2.*,5.*,7.*"
	commands := []killable{
		{"test", []string{"test", "-v", "--cases", selected, "-o", "out", "--server-cmd", "sh -c '" + wsconform + " echo --addr {host}:{port}; true'"}, lostOfRun},
		{"test --client", []string{"test", "--client", "-v", "--cases", selected, "-o", "out", "--", "sh", "-c", wsconform + " drive {url}; true"}, lostOfRun},
		{"wstest", []string{"wstest", "-m", "fuzzingclient", "-s", spec}, lostOfReports},
		{"compare", []string{"compare", "go-wsconform", "--cache", cache, "--cases", selected, "-o", "out"}, lostOfRows},
	}
	took := map[string]time.Duration{}
	for _, c := range commands {
		begun := time.Now()
		if output, lost, _ := killed(t, wsconform, c, time.Minute); len(lost) > 0 {
			t.Fatalf("%s, not killed: %v are lost\n%s", c.name, lost, output)
		}
		took[c.name] = time.Since(begun)
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		c := commands[i%len(commands)]
		after := time.Duration(rnd.Int64N(int64(took[c.name])))
		output, lost, left := killed(t, wsconform, c, after)
		if len(lost) > 0 {
			t.Errorf("%s killed after %v: told, and not in its files: %v\n%s", c.name, after, lost, output)
		}
		if len(left) > 0 {
			t.Errorf("%s killed after %v: left after clean: %v", c.name, after, left)
		}
	}
	t.Logf("%d kills, seed %d, durations %v", kills, seed, took)
}

// copied makes this test binary callable as wsconform, also by itself: it starts itself
// by its true name.
func copied(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "wsconform")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// echoing starts a server that is killed with the test.
func echoing(t *testing.T, wsconform string) (address string, stop func()) {
	t.Helper()
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address = "127.0.0.1:" + strconv.Itoa(port)
	server := exec.CommandContext(t.Context(), wsconform, "echo", "--addr", address)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for !agent.Listening(t.Context(), address) {
		time.Sleep(10 * time.Millisecond)
	}
	return address, func() { _ = server.Process.Kill(); _ = server.Wait() }
}

// killed runs a command in a folder of its own and kills it after a while, if it has not
// ended. It returns its output, what of that is lost, and which processes are left after
// wsconform clean.
func killed(t *testing.T, wsconform string, c killable, after time.Duration) (output string, lost, left []string) {
	t.Helper()
	dir := t.TempDir()
	mark := fmt.Sprintf("WSCONFORM_KILL_TEST_%d_%d=1", os.Getpid(), time.Now().UnixNano())
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	env := append(os.Environ(), "DOCKER_HOST=unix:///no-docker.sock", "TMPDIR="+t.TempDir())
	cmd := exec.Command(wsconform, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, slices.Concat(env, []string{mark}), file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	timer.Stop()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	lost = c.lost(dir, string(text))
	clean := exec.Command(wsconform, "clean")
	clean.Env = env
	if said, err := clean.CombinedOutput(); err != nil {
		t.Errorf("clean: %v\n%s", err, said)
	}
	return string(text), lost, marked(mark)
}

// marked lists the processes with the mark in their environment. The watchdog has 10 s
// to see that all the others have ended.
func marked(mark string) (list []string) {
	for range 220 {
		list = nil
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range environments {
			env, err := os.ReadFile(name)
			if err == nil && bytes.Contains(env, []byte(mark)) {
				line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
				list = append(list, name+" "+strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
		if len(list) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return list
}

// A case that --verbose has told of begins its line with its id.
var toldCase = regexp.MustCompile(`(?m)^([0-9]+(?:\.[0-9]+)+) +[a-z-]+ +[0-9]+ ms  `)

func lostOfRun(dir, output string) (lost []string) {
	told := toldCase.FindAllStringSubmatch(output, -1)
	run, err := runfile.Open(filepath.Join(dir, "out", "run.jsonl"))
	if err != nil {
		if len(told) > 0 {
			return []string{err.Error()}
		}
		return nil // it was killed before the file had its first line
	}
	known := map[string]bool{}
	for _, r := range run.Results {
		known[string(r.Case)] = true
	}
	for _, m := range told {
		if !known[m[1]] {
			lost = append(lost, m[1])
		}
	}
	return lost
}

// wstest says which case it begins. The files of those before are written beside the
// next ones: the last few may be late.
var begunCase = regexp.MustCompile(`(?m)^Running test case ID (\S+) `)

func lostOfReports(dir, output string) (lost []string) {
	begun := begunCase.FindAllStringSubmatch(output, -1)
	for _, m := range begun[:max(len(begun)-4, 0)] {
		name := "x_case_" + strings.ReplaceAll(m[1], ".", "_") + ".json"
		text, err := os.ReadFile(filepath.Join(dir, "out", name))
		if err != nil || !json.Valid(text) {
			lost = append(lost, m[1])
		}
	}
	return lost
}

// compare says which rows have ended.
var endedRow = regexp.MustCompile(`(?m)^row [0-9]+/[0-9]+: (\S+): `)

func lostOfRows(dir, output string) (lost []string) {
	for _, m := range endedRow.FindAllStringSubmatch(output, -1) {
		run, err := runfile.Open(filepath.Join(dir, "out", "runs", m[1]+".jsonl"))
		if err != nil || run.State() != runfile.Complete {
			lost = append(lost, m[1])
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "out", "runs", "*.jsonl"))
	for _, file := range files {
		run, err := runfile.Open(file)
		if info, statErr := os.Stat(file); err != nil && statErr == nil && info.Size() > 0 {
			lost = append(lost, err.Error())
		} else if err == nil && len(run.Counts()) == 0 {
			lost = append(lost, file+": no cases: "+fmt.Sprint(run.Missing()))
		}
	}
	return lost
}
