package wstest_test

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/internal/h3"
)

// overStreams are the ways to run the fuzzing modes over streams.
var overStreams = []struct {
	flag, scheme string
	peer         mutants.Mutant
}{
	{"--http2", "ws", mutants.Conformant.OverHTTP2()},
	{"--http2", "wss", mutants.Conformant.OverHTTP2()},
	{"--http3", "wss", mutants.Conformant.OverHTTP3()},
}

// allOK wants these cases in the reports, as passed.
func allOK(t *testing.T, agent string, want int) {
	t.Helper()
	got := readIndex(t)[agent]
	if len(got) != want {
		t.Errorf("index.json: got %d cases of %s, want %d", len(got), agent, want)
	}
	for id, r := range got {
		if r.Behavior != "OK" || r.BehaviorClose != "OK" {
			t.Errorf("case %s: got %s, %s, want OK", id, r.Behavior, r.BehaviorClose)
		}
	}
}

// The fuzzingserver tests clients over HTTP/2 and HTTP/3.
func TestFuzzingServerStreams(t *testing.T) {
	certificate, _ := keyPair(t)
	for _, tc := range overStreams {
		t.Run(tc.flag+" "+tc.scheme, func(t *testing.T) {
			spec(t, "fuzzingserver.json", `{"url": "`+tc.scheme+`://h:0", "outdir": "out", "cases": ["1.1.1", "2.10", "5.15", "7.1.1", "12.1.1"], "webport": 0, "key": "`+certificate.key+`", "cert": "`+certificate.file+`"}`)
			url := start(t, "-m", "fuzzingserver", tc.flag).listening(t)
			if err := tc.peer.Drive(t.Context(), tc.scheme+strings.TrimPrefix(url, "ws"), "agent"); err != nil {
				t.Fatal(err)
			}
			allOK(t, "agent", 5)
		})
	}
}

// The fuzzingclient tests servers over HTTP/2 and HTTP/3.
func TestFuzzingClientStreams(t *testing.T) {
	certificate, _ := keyPair(t)
	for _, tc := range overStreams {
		t.Run(tc.flag+" "+tc.scheme, func(t *testing.T) {
			var l net.Listener
			var err error
			if tc.flag == "--http3" {
				l, err = h3.Listen("127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate.Certificate}})
			} else {
				l, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			}
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() {
				if tc.scheme == "wss" && tc.flag == "--http2" {
					served <- tc.peer.ServeTLS(t.Context(), l, certificate.Certificate)
					return
				}
				served <- tc.peer.Serve(t.Context(), l)
			}()
			t.Cleanup(func() {
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
			spec(t, "fuzzingclient.json", `{"outdir": "out", "servers": [{"agent": "agent", "url": "`+tc.scheme+"://"+l.Addr().String()+`"}], "cases": ["1.1.1", "2.10", "5.15", "7.1.1", "12.1.1"]}`)
			if err := start(t, "-m", "fuzzingclient", tc.flag).wait(t); err != nil {
				t.Fatal(err)
			}
			allOK(t, "agent", 5)
		})
	}
}

// Wrong uses of the flags are said at once.
func TestStreamsRefused(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["1.1.1"], "webport": 0}`)
	if err := os.WriteFile("fuzzingclient.json", []byte(`{"servers": [{"url": "ws://127.0.0.1:1"}], "cases": ["1.1.1"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-m", "echoserver", "-w", "ws://127.0.0.1:0", "--http2"}, "are for the modes fuzzingserver and fuzzingclient"},
		{[]string{"-m", "fuzzingserver", "--http2", "--http3"}, "exclude each other"},
		{[]string{"-m", "fuzzingserver", "--http3"}, "needs a wss address and a certificate"},
		{[]string{"-m", "fuzzingclient", "--http3"}, "needs wss addresses"},
	} {
		if err := start(t, tc.args...).wait(t); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: got %v, want %q", tc.args, err, tc.want)
		}
	}
}
