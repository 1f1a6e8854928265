package native

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/flate"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/corpora"
)

// TestChecker has a peer that compresses messages, right ones and others, and
// looks at what is made of the last one.
func TestChecker(t *testing.T) {
	const length = 3000
	corpus, err := corpora.Open(corpora.HTML)
	if err != nil {
		t.Fatal(err)
	}
	right := corpus.Slice
	var (
		first, second = right(0, length), right(1, length)
		wrong         = append([]byte("x"), second[1:]...)
		broken        = append(bytes.Clone(second[:200]), 0xff)
		cut           = append(bytes.Clone(second[:200]), 0xe2, 0x82)
		whole         = echoVerdict{same: true, size: len(second)}
	)
	for _, test := range []struct {
		name       string
		agreed     agreement
		window     int      // of the peer's compressor, in bytes
		texts      [][]byte // of its messages
		plain      int      // that of them which is not compressed, from 1
		final      bool     // the last one ends with a final block, and nothing behind it
		lost       int      // bytes missing at the end of the last but one
		want       echoVerdict
		wantsFault bool
	}{
		{name: "with its context", texts: [][]byte{first, second}, want: whole},
		{name: "without", agreed: agreement{peerNoTakeover: true}, texts: [][]byte{second}, want: whole},
		{name: "behind a message not compressed", texts: [][]byte{first, second}, plain: 1, want: whole},
		{name: "not compressed", texts: [][]byte{first, second}, plain: 2, want: whole},
		{name: "with a final block", texts: [][]byte{first, second}, final: true, want: whole},
		{name: "another byte", texts: [][]byte{first, wrong}, want: echoVerdict{size: len(second)}},
		{name: "too short", texts: [][]byte{first, second[:299]}, want: echoVerdict{size: 299}},
		{name: "too long", texts: [][]byte{first, append(bytes.Clone(second), 'x')}, want: echoVerdict{size: len(second) + 1}},
		{name: "no UTF-8", texts: [][]byte{first, broken}, want: echoVerdict{size: 201, badText: true}},
		{name: "an unfinished rune", texts: [][]byte{first, cut}, want: echoVerdict{size: 202, cutText: true}},
		{name: "a rune unfinished, not compressed", texts: [][]byte{first, cut}, plain: 2, want: echoVerdict{size: 202, badText: true}},
		{name: "behind one without its last byte", texts: [][]byte{first, second}, lost: 1, want: echoVerdict{badText: true}},
		{name: "beyond the window", agreed: agreement{peerBits: 8}, texts: [][]byte{first, second}, wantsFault: true},
		{name: "within the window", agreed: agreement{peerBits: 9}, window: 1 << 9, texts: [][]byte{first, second}, want: whole},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := test.agreed
			if a.peerBits == 0 {
				a.peerBits = 15
			}
			a.ourBits = 15
			s := NewStreams(nil)
			defer s.Close()
			loop := cases.EchoLoop{Corpus: corpora.HTML, Length: length, Count: 10}
			if _, err := s.open(loop, a); err != nil {
				t.Fatal(err)
			}
			// The second time round, what was right is known to be.
			for range 2 {
				c := s.checker(loop, a)
				from := 0
				if a.peerNoTakeover {
					from = 1
				}
				var got echoVerdict
				var z bytes.Buffer
				w, err := flate.NewWriterWindow(&z, max(test.window, 1<<9))
				if test.window == 0 {
					w, err = flate.NewWriter(&z, 6)
				}
				if err != nil {
					t.Fatal(err)
				}
				for i, text := range test.texts {
					if i+1 == test.plain {
						got = c.check(from+i, text, false, true)
						continue
					}
					z.Reset()
					w.Write(text)
					data := func() []byte {
						if test.final && i == len(test.texts)-1 {
							w.Close()
							return z.Bytes()
						}
						w.Flush()
						return bytes.TrimSuffix(z.Bytes(), []byte{0, 0, 0xff, 0xff})
					}()
					if i == len(test.texts)-2 {
						data = data[:len(data)-test.lost]
					}
					got = c.check(from+i, data, true, true)
				}
				fault := got.fault != ""
				if (got.differs == nil) != (got.same || fault) {
					t.Errorf("%+v: a difference is told for what differs, and only then", got)
				}
				got.fault, got.differs = "", nil
				if test.lost > 0 {
					got.size = 0 // the text is the compressed bytes
				}
				if fault != test.wantsFault || !fault && got != test.want {
					t.Errorf("got %+v, fault %t; want %+v, fault %t", got, fault, test.want, test.wantsFault)
				}
			}
		})
	}
}
