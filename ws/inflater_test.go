package ws_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/wsconform/wsconform/ws"
)

// TestInflater decodes two messages of one stream, the second with a history
// instead of the first, too.
func TestInflater(t *testing.T) {
	first, second := corpus(5000)["text"], corpus(9000)["text"][2000:]
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

	var in ws.Inflater
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
		t.Errorf("first message: got %d octets, complete %t, error %v; want %d", len(text), complete, err, len(first))
	}
	for _, start := range []func(){func() {}, func() { in.Reset(1<<15, first) }} {
		start()
		if complete, err := decode(two); err != nil || !complete || !bytes.Equal(text, second) {
			t.Errorf("second message, with a final block: got %d octets, complete %t, error %v; want %d", len(text), complete, err, len(second))
		}
	}
	in.Reset(1<<15, nil)
	if complete, _ := decode(one[:len(one)/2]); complete { // the tail may make sense in the middle of a block, or not
		t.Error("half a message: got complete, want not")
	}
	in.Reset(1<<8, nil)
	var broken *ws.ProtocolError
	if _, err := decode(one); !errors.As(err, &broken) || broken.Section != "7.1.2" {
		t.Errorf("window of 256: got error %v, want one of §7.1.2", err)
	}
	in.Reset(1<<15, nil)
	if err := in.Inflate(one, func([]byte) bool { return false }); err != nil {
		t.Errorf("taken no further: got error %v", err)
	}
}
