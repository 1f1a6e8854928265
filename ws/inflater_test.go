package ws_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/internal/flatetest"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestInflater decodes two messages of one stream, the second with a history
// instead of the first, too.
func TestInflater(t *testing.T) {
	first, second := flatetest.Corpus(5000)["text"], flatetest.Corpus(9000)["text"][2000:]
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, 6)
	if err != nil {
		t.Fatal(err)
	}
	message := func(text []byte, end func() error) []byte {
		z.Reset()
		_, _ = w.Write(text)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		return bytes.TrimSuffix(bytes.Clone(z.Bytes()), []byte{0, 0, 0xff, 0xff})
	}
	one, two := message(first, w.Flush), message(second, w.Close)

	var in wsproto.Inflater
	var text []byte
	take := func(p []byte) bool {
		text = append(text, p...)
		return true
	}
	decode := func(data []byte) (complete bool, err error) {
		text = nil
		if err := in.Inflate(data, take); err != nil {
			return false, err
		}
		return in.InflateTail(take)
	}
	in.Reset(1<<15, nil)
	if complete, err := decode(one); err != nil || !complete || !bytes.Equal(text, first) {
		t.Errorf("first message: got %d bytes, complete %t, error %v; want %d", len(text), complete, err, len(first))
	}
	for _, start := range []func(){func() {}, func() { in.Reset(1<<15, first) }} {
		start()
		if complete, err := decode(two); err != nil || !complete || !bytes.Equal(text, second) {
			t.Errorf("second message, with a final block: got %d bytes, complete %t, error %v; want %d", len(text), complete, err, len(second))
		}
	}
	in.Reset(1<<15, nil)
	if complete, _ := decode(one[:len(one)/2]); complete { // the tail may make sense in the middle of a block, or not
		t.Error("half a message: got complete, want not")
	}
	in.Reset(1<<8, nil)
	var broken *wsproto.ProtocolError
	if _, err := decode(one); !errors.As(err, &broken) || broken.Section != "7.1.2" {
		t.Errorf("window of 256: got error %v, want one of §7.1.2", err)
	}
	in.Reset(1<<15, nil)
	if err := in.Inflate(one, func([]byte) bool { return false }); err != nil {
		t.Errorf("taken no further: got error %v", err)
	}
}

// Once nothing came from one ping to the next, only the history is left of what
// inflates, or nothing where none is to be kept; and the history is good.
func TestInflaterIdle(t *testing.T) {
	for _, row := range []struct {
		name    string
		deflate ws.Deflate
		want    int
	}{
		{"full window", ws.Deflate{}, 32 << 10},
		{"small window", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 10}}, 1 << 10},
		{"no takeover", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true}}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, server := pair(t, &ws.DialOptions{Options: ws.Options{Deflate: &row.deflate, PingInterval: -1}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &row.deflate, PingInterval: -1}})
			ctx := within(t, 30*time.Second)
			go func() { _ = server.Discard(ctx) }() // which answers pings
			texts := flatetest.Corpus(200 << 10)["text"]
			for round := range 3 {
				for _, p := range [][]byte{texts, texts[len(texts)-1000:]} { // the second is in the history
					wrote := make(chan error, 1)
					go func() { wrote <- server.Write(ctx, ws.MessageBinary, p) }()
					if _, got, err := client.Read(ctx); err != nil || !bytes.Equal(got, p) {
						t.Fatalf("round %d: got %d bytes, %v, want %d", round, len(got), err, len(p))
					}
					if err := <-wrote; err != nil {
						t.Fatal(err)
					}
					if _, err := client.Ping(ctx); err != nil { // since which nothing came
						t.Fatal(err)
					}
					busy := ws.Inflates(client)
					if _, err := client.Ping(ctx); err != nil {
						t.Fatal(err)
					}
					if got := ws.Inflates(client); got != row.want || busy < row.want {
						t.Errorf("round %d: got %d bytes behind the first ping, %d behind the second, want %d", round, busy, got, row.want)
					}
				}
			}
		})
	}
}
