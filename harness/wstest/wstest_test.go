package wstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness/wstest"
	"github.com/wsconform/wsconform/ws"
)

// A program is a run of the command.
type program struct {
	stdout, stderr output
	addrs          chan [2]string
	done           chan struct{} // closed when it has ended, with err
	err            error
	stop           context.CancelFunc
}

// output may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs the command in the background until the test ends.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &program{addrs: make(chan [2]string, 4), done: make(chan struct{}), stop: stop}
	go func() {
		defer close(p.done)
		p.err = wstest.Run(ctx, args, wstest.Env{
			Version: "1.0.0", Stdout: &p.stdout, Stderr: &p.stderr,
			Ready: func(what, addr string) { p.addrs <- [2]string{what, addr} },
		})
	}()
	t.Cleanup(func() {
		stop()
		<-p.done
	})
	return p
}

// listening waits until the program listens, and returns its address on loopback.
func (p *program) listening(t *testing.T) string {
	t.Helper()
	select {
	case at := <-p.addrs:
		return "ws://127.0.0.1" + at[1][strings.LastIndexByte(at[1], ':'):]
	case <-p.done:
		t.Fatalf("the program ended: %v\n%s", p.err, p.stderr.String())
	case <-t.Context().Done():
	}
	return ""
}

// wait waits for the end of the program.
func (p *program) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("the program goes on after a minute:\n%s%s", p.stdout.String(), p.stderr.String())
	}
	return p.err
}

// spec writes a configuration into the test's working directory.
func spec(t *testing.T, name, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask opens a resource and returns the text that it answers with and how it
// closes.
func ask(t *testing.T, url string) (string, error) {
	t.Helper()
	c, err := ws.Dial(t.Context(), url, nil)
	if err != nil {
		return "", err
	}
	defer c.CloseNow()
	_, answer, err := c.Read(t.Context())
	if err != nil {
		if _, ok := errors.AsType[*ws.CloseError](err); ok {
			return "", nil
		}
		return "", err
	}
	return string(answer), nil
}

type index map[string]map[string]struct {
	Behavior, BehaviorClose string
	ReportFile              string
}

func readIndex(t *testing.T) index {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("out", "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var i index
	if err := json.Unmarshal(data, &i); err != nil {
		t.Fatal(err)
	}
	return i
}

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		args       []string
	}{
		{"no mode", "no mode given", nil},
		{"unknown mode", `there is no mode "fuzzing"`, []string{"-m", "fuzzing"}},
		{"no address", "mode echoserver needs an address", []string{"-m", "echoserver"}},
		{"address of HTTP", "does not begin with ws://", []string{"-m", "echoserver", "-w", "http://h"}},
		{"fragment", "has a fragment", []string{"-m", "testeeserver", "-w", "ws://h/#x"}},
		{"query of a listener", "has a query", []string{"-m", "testeeserver", "-w", "ws://h/?x"}},
		{"port", "has no valid port", []string{"-m", "testeeserver", "-w", "ws://h:99999"}},
		{"wss without key", "needs a key and a certificate", []string{"-m", "testeeserver", "-w", "wss://h:0"}},
		{"serializer", "not part of this program", []string{"-m", "serializer"}},
		{"no such file", "configuration file x.json does not exist", []string{"-m", "fuzzingclient", "-s", "x.json"}},
		{"no such file of a server", "configuration file x.json does not exist", []string{"-m", "fuzzingserver", "-s", "x.json"}},
		{"no such folder", "configuration file none/x.json does not exist", []string{"-m", "massconnect", "-s", "none/x.json"}},
		{"a folder", "is a directory", []string{"-m", "fuzzingclient", "-s", "."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			err := start(t, tc.args...).wait(t)
			var usage *wstest.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("wstest %q: got %v, want a usage error with %q", tc.args, err, tc.want)
			}
			if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
				t.Errorf("wstest %q made %v, %v", tc.args, made, err)
			}
		})
	}
}

func TestFuzzingServer(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://localhost:0", "outdir": "./out/", "cases": ["1.1.1", "7.*", "6.2.*"], "exclude-cases": ["7.7.*", ""], "exclude-agent-cases": {"my*": ["7.9.1"]}}`)
	p := start(t, "-m", "fuzzingserver", "--webport=0", "-d")
	url := p.listening(t)

	const count = "29" // 1 of section 1, 4 of 6.2, 24 of 7
	for _, tc := range []struct{ name, resource, want string }{
		{"count", "/getCaseCount", count},
		{"info", "/getCaseInfo?case=1", `{"id": "1.1.1", "description": "`},
		{"info by id", "/getCaseInfo?casetuple=6.2.1", `{"id": "6.2.1", `},
		{"number wins over id", "/getCaseInfo?case=2&casetuple=1.1.1", `{"id": "6.2.1", `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ask(t, url+tc.resource)
			if err != nil || !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: got %q, %v, want %q", tc.resource, got, err, tc.want)
			}
		})
	}
	for _, resource := range []string{"/runCase?case=0&agent=a", "/runCase?case=30&agent=a", "/runCase?case=1", "/updateReports", "/getCaseInfo?casetuple=1.1.2", "/getCaseInfo?case=1&case=1"} {
		t.Run("refused "+resource, func(t *testing.T) {
			_, err := ask(t, url+resource)
			var refused *ws.HandshakeError
			if !errors.As(err, &refused) || refused.Status != 500 {
				t.Errorf("%s: got %v, want status 500", resource, err)
			}
		})
	}

	client := start(t, "-m", "testeeclient", "-w", url, "-i", "my client/1 <b>")
	if err := client.wait(t); err != nil {
		t.Fatalf("testeeclient: %v", err)
	}
	got := readIndex(t)["my client/1 <b>"]
	if len(got) != 28 {
		t.Errorf("index.json: got %d cases, want 28", len(got))
	}
	if file := got["7.1.1"].ReportFile; file != "my_client_1__b_case_7_1_1.json" {
		t.Errorf("report file: got %q, want my_client_1__b_case_7_1_1.json", file)
	}
	for id, r := range got {
		if r.Behavior != "OK" && r.Behavior != "INFORMATIONAL" || r.BehaviorClose != "OK" && r.BehaviorClose != "INFORMATIONAL" {
			t.Errorf("case %s: got %s, %s, want OK in both", id, r.Behavior, r.BehaviorClose)
		}
	}
	if status, err := ask(t, url+"/getCaseStatus?case=1&agent=my+client/1+%3Cb%3E"); err != nil || status != `{"behavior": "OK"}` {
		t.Errorf("status: got %q, %v, want OK", status, err)
	}
	lines := p.stdout.String()
	for _, want := range []string{"\nOk, will run " + count + " test cases for any clients connecting\n", "\nRunning test case ID 7.1.1 for agent my client/1 <b>\n"} {
		if !strings.Contains("\n"+lines, want) {
			t.Errorf("no %q in the output:\n%s", want, lines)
		}
	}
	if _, err := ask(t, url+"/updateReports?agent=another&shutdownOnComplete=Yes"); err != nil {
		t.Errorf("updateReports: %v", err)
	}
	if err := p.wait(t); err != nil {
		t.Errorf("the server ended with %v, want nil", err)
	}
}

// TestReportsHoldTheLastCase asks for the reports as soon as the client knows
// that a case is over, when the server may not have noticed yet.
func TestReportsHoldTheLastCase(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "outdir": "out", "cases": ["7.3.1"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	for range 10 {
		c, err := ws.Dial(t.Context(), url+"/runCase?case=1&agent=a", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = c.Read(t.Context()) // answers the close
		c.CloseNow()
		if _, err := ask(t, url+"/updateReports?agent=a"); err != nil {
			t.Fatal(err)
		}
		if got := readIndex(t)["a"]["7.3.1"].Behavior; got != "OK" {
			t.Fatalf("behavior: got %q, want OK", got)
		}
		if err := os.RemoveAll("out"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatusWaits(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["7.3.1"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	status, err := ws.Dial(t.Context(), url+"/getCaseStatus?casetuple=7.3.1&agent=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer status.CloseNow()
	c, err := ws.Dial(t.Context(), url+"/runCase?casetuple=7.3.1&agent=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = c.Read(t.Context())
	c.CloseNow()
	if _, got, err := status.Read(t.Context()); err != nil || string(got) != `{"behavior": "OK"}` {
		t.Errorf("status: got %q, %v, want OK", got, err)
	}
}

func TestStopServer(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["1.1.1"]}`)
	p := start(t, "-m", "fuzzingserver", "-u0")
	if _, err := ask(t, p.listening(t)+"/stopServer"); err != nil {
		t.Errorf("stopServer: %v", err)
	}
	if err := p.wait(t); err != nil {
		t.Errorf("the server ended with %v, want nil", err)
	}
}

// TestStatusPage asks as tools do that wait for a port to answer HTTP.
func TestStatusPage(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["1.1.1"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(url, "ws"), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.StatusCode; got != http.StatusOK {
		t.Errorf("status: got %d, want 200", got)
	}
}

func TestDirectCommands(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["1.1.1"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	for _, tc := range []struct{ name, command, want string }{
		{"a frame", `["sendframe", {"opcode": 1, "payload": "ab", "payload_len": 5, "chopsize": 1}]`, "ababa"},
		{"two frames", `["sendframes", [{"opcode": 1, "payload": "a", "fin": false}, {"opcode": 0, "payload": "b"}]]`, "ab"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := ws.Dial(t.Context(), url+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if err := c.Write(t.Context(), ws.MessageText, []byte(tc.command)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != tc.want {
				t.Errorf("%s: got %q, %v, want %q", tc.command, got, err, tc.want)
			}
			if err := c.Write(t.Context(), ws.MessageText, []byte(`["close", {"code": 3000, "reason": "bye"}]`)); err != nil {
				t.Fatal(err)
			}
			_, _, err = c.Read(t.Context())
			var closed *ws.CloseError
			if !errors.As(err, &closed) || closed.Code != 3000 || closed.Reason != "bye" {
				t.Errorf("close: got %v, want 3000 bye", err)
			}
		})
	}
}

func TestFuzzingClient(t *testing.T) {
	testee := start(t, "-m", "testeeserver", "-w", "ws://h:0").listening(t)
	spec(t, "fuzzingclient.json", `{"outdir": "out", "cases": ["1.1.1", "3.1", "7.9.*"], "exclude-agent-cases": {"named": ["3.*"]}, "servers": [
		{"url": "ws://127.0.0.1:1", "agent": "nobody"}, {"url": "`+testee+`"}, {"url": "`+testee+`/a?b=c", "agent": "named", "origin": "http://o", "protocols": ["x"]}]}`)
	p := start(t, "-m", "fuzzingclient")
	if err := p.wait(t); err != nil {
		t.Fatalf("fuzzingclient: %v\n%s", err, p.stderr.String())
	}
	got := readIndex(t)
	if len(got) != 2 || len(got["wsconform 1.0.0"]) != 11 || len(got["named"]) != 10 {
		t.Errorf("index.json: got %d agents with %d and %d cases, want 2 with 11 and 10", len(got), len(got["wsconform 1.0.0"]), len(got["named"]))
	}
	for agent, list := range got {
		for id, r := range list {
			if r.Behavior != "OK" || r.BehaviorClose != "OK" {
				t.Errorf("%s, case %s: got %s, %s, want OK", agent, id, r.Behavior, r.BehaviorClose)
			}
		}
	}
	for _, want := range []string{"Connection to ws://127.0.0.1:1 failed (", "Running test case ID 7.9.1 for agent named\n"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("no %q in the output:\n%s", want, p.stdout.String())
		}
	}
	if played := "Running test case ID 3.1 for agent named\n"; strings.Contains(p.stdout.String(), played) {
		t.Errorf("a case was played that is excluded for its agent:\n%s", p.stdout.String())
	}
}

func TestFuzzingClientNamesServers(t *testing.T) {
	spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.1"]}`)
	err := start(t, "-m", "fuzzingclient", "-s", "s.json").wait(t)
	if _, ok := errors.AsType[*wstest.UsageError](err); !ok {
		t.Errorf("without servers: got %v, want a usage error", err)
	}
	testee := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
	if err := start(t, "-m", "fuzzingclient", "-s", "s.json", "-w", testee).wait(t); err != nil {
		t.Errorf("with --wsuri: got %v, want nil", err)
	}
}

// TestFuzzingClientInterrupted has a signal come in the middle: what there is
// gets written.
func TestFuzzingClientInterrupted(t *testing.T) {
	testee := start(t, "-m", "testeeserver", "-w", "ws://h:0").listening(t)
	spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.*", "12.1.18"], "servers": [{"url": "`+testee+`", "agent": "a"}]}`)
	p := start(t, "-m", "fuzzingclient", "-s", "s.json")
	for !strings.Contains(p.stdout.String(), "ID 12.1.18") {
		select {
		case <-p.done:
			t.Fatalf("it ended too soon: %v\n%s", p.err, p.stdout.String())
		case <-time.After(time.Millisecond): // until the line is there
		}
	}
	p.stop()
	if err := p.wait(t); !errors.Is(err, wstest.ErrInterrupted) {
		t.Errorf("got %v, want %v", err, wstest.ErrInterrupted)
	}
	got := readIndex(t)["a"]
	if _, ok := got["12.1.18"]; ok || len(got) != 8 {
		t.Errorf("index.json: got %d cases, want the 8 of section 1.1", len(got))
	}
}

func TestSpecIsCreated(t *testing.T) {
	for _, tc := range []struct{ mode, want string }{
		{"fuzzingclient", "ws://127.0.0.1:9001"},
		{"massconnect", "ws://127.0.0.1:9000"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Chdir(t.TempDir())
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // nothing shall be connected to
			var out output
			err := wstest.Run(ctx, []string{"-m", tc.mode}, wstest.Env{Stdout: &out, Stderr: &out})
			if !errors.Is(err, wstest.ErrInterrupted) {
				t.Errorf("got %v, want %v", err, wstest.ErrInterrupted)
			}
			got, err := os.ReadFile(tc.mode + ".json")
			if err != nil || !json.Valid(got) || !strings.Contains(string(got), tc.want) {
				t.Errorf("created configuration: got %s, %v, want JSON with %s", got, err, tc.want)
			}
		})
	}
}

func TestBroadcast(t *testing.T) {
	url := start(t, "-m", "broadcastserver", "-w", "ws://h:0", "-u", "0").listening(t)
	c, err := ws.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	start(t, "-m", "broadcastclient", "-w", url)
	if err := c.Write(t.Context(), ws.MessageBinary, []byte("to all")); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"to all": true, "hello": true, "tick": true}
	for len(want) > 0 {
		_, got, err := c.Read(t.Context())
		if err != nil {
			t.Fatalf("%v while waiting for %v", err, want)
		}
		for w := range want {
			if strings.HasPrefix(string(got), w) {
				delete(want, w)
			}
		}
	}
}

func TestEchoClient(t *testing.T) {
	// The direct commands of a fuzzing server are not echoed; a broadcast server
	// tells everybody what the echo client has said.
	server := start(t, "-m", "broadcastserver", "-w", "ws://h:0", "-u", "0")
	url := server.listening(t)
	p := start(t, "-m", "echoclient", "-w", url)
	c, err := ws.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for echoes := 0; echoes < 2; { // the first is the server's own tick
		_, got, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if string(got) == "tick 1" {
			echoes++
		}
	}
	server.stop()
	if err := p.wait(t); err != nil {
		t.Errorf("echoclient: got %v, want nil", err)
	}
	if got := p.stdout.String(); !strings.Contains(got, "closed the connection with 1001") {
		t.Errorf("echoclient said %q, want the server's close", got)
	}
}

func TestMassConnect(t *testing.T) {
	url := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
	for _, tc := range []struct{ name, options, want string }{
		{"some", `"connections": 25, "batchsize": 10, "batchdelay": 1, "retrydelay": 1`, "...\n25 of 25 connections are open, 0 attempts failed"},
		{"too many", `"connections": 1000000, "batchsize": 10`, "connections 1000000 is not within"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec(t, "massconnect.json", `{"options": {`+tc.options+`}, "servers": [{"name": "s", "uri": "`+url+`"}]}`)
			p := start(t, "-m", "massconnect")
			err := p.wait(t)
			got := p.stdout.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNamesThatClash(t *testing.T) {
	testee := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
	spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.1"], "servers": [{"url": "`+testee+`", "agent": "a/b"}, {"url": "`+testee+`", "agent": "A B"}]}`)
	p := start(t, "-m", "fuzzingclient", "-s", "s.json")
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
	if got := p.stderr.String(); !strings.Contains(got, "A B, a/b") {
		t.Errorf("warnings: got %q, want one of the names A B, a/b", got)
	}
}

// What a URL holds that is secret is in no report, and not on the terminal.
func TestReportsHoldNoSecrets(t *testing.T) {
	url := start(t, "-m", "echoserver", "-w", "ws://h:0").listening(t)
	host := strings.TrimPrefix(url, "ws://")
	spec(t, "fuzzingclient.json", `{"outdir": "out", "servers": [{"agent": "x", "url": "ws://seeded-user:seeded-password@`+host+`/?token=seeded-token"}], "cases": ["1.1.1"]}`)
	p := start(t, "-m", "fuzzingclient")
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
	if said := p.stdout.String() + p.stderr.String(); strings.Contains(said, "seeded") {
		t.Errorf("it prints\n%s", said)
	}
	files, err := filepath.Glob("out/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("reports %v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(text), "seeded") {
			t.Errorf("%s: %v, or it has a secret", name, err)
		}
	}
}
