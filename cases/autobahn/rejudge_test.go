package autobahn_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/transcript"
)

// TestStoredTranscripts judges transcripts of run files of version 1 again. They
// were recorded before players stopped to know what a case wants, from servers and
// a client on gorilla/websocket and golang.org/x/net.
func TestStoredTranscripts(t *testing.T) {
	f, err := os.Open("testdata/transcripts-v1.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	seen, failed := map[cases.ID]bool{}, 0
	for lines.Scan() {
		var r struct {
			From string
			Case cases.ID
			cases.Verdict
			Transcript transcript.Transcript
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		c, ok := autobahn.Find(r.Case)
		if !ok {
			t.Fatalf("no case %s", r.Case)
		}
		seen[r.Case] = true
		if r.Behavior == cases.Failed {
			failed++
		}
		if got := c.Judge(r.Transcript); got.Behavior != r.Behavior || got.Close != r.Close {
			t.Errorf("%s, case %s: got %s/%s, want %s/%s", r.From, r.Case, got.Behavior, got.Close, r.Behavior, r.Close)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 517 || failed < 50 {
		t.Errorf("got transcripts of %d cases, %d of them failures; want 517 and at least 50", len(seen), failed)
	}
}
