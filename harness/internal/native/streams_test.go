package native

import (
	"bytes"
	"compress/flate"
	"flag"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/corpora"
)

var wholeStreams = flag.Bool("streams.all", false, "cross-check all messages of sections 12 and 13, which takes minutes, and not only the first of each stream")

// streamSample is how many bytes of text of each stream are cross-checked by
// default, and at the least windowMessages messages.
const (
	streamSample   = 256 << 10
	windowMessages = 4
)

// TestStreams has the standard library judge what we send in sections 12 and 13,
// and compares its judgement with ours of the same bytes as an echo: the
// harness and the reference peers inflate by the same code, so that it is right
// is not shown by their agreement.
func TestStreams(t *testing.T) {
	loops := map[string]cases.EchoLoop{}
	var names []string
	for _, c := range catalogue.All() {
		for _, step := range c.Steps() {
			if l, ok := step.(cases.EchoLoop); ok && l.Corpus != "" {
				name := fmt.Sprintf("%s, %d", l.Corpus, l.Length)
				if _, known := loops[name]; !known {
					loops[name] = l
					names = append(names, name)
				}
			}
		}
	}
	if len(names) != 50 {
		t.Fatalf("%d pairs of corpus and length, want 50", len(names))
	}
	for _, bits := range []uint8{9, 15} {
		for _, noTakeover := range []bool{false, true} {
			a := agreement{ourBits: bits, peerBits: bits, ourNoTakeover: noTakeover, peerNoTakeover: noTakeover}
			t.Run(fmt.Sprintf("%d bits, no takeover %t", bits, noTakeover), func(t *testing.T) {
				t.Parallel()
				for _, name := range names {
					crossCheck(t, name, loops[name], a)
				}
			})
		}
	}
}

func crossCheck(t *testing.T, name string, l cases.EchoLoop, a agreement) {
	t.Helper()
	streams := NewStreams(nil)
	defer streams.Close()
	st, err := streams.open(l, a)
	if err != nil {
		t.Fatal(err)
	}
	ours := streams.checker(l, a)
	count := l.Count
	if !*wholeStreams {
		count = min(count, max(windowMessages, streamSample/l.Length))
	}
	var in bytes.Buffer // of the standard library's inflater, which keeps its window
	standard := flate.NewReader(&in)
	for i := range count {
		z, err := st.message(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		if a.ourNoTakeover {
			in.Reset()
			if err := standard.(flate.Resetter).Reset(&in, nil); err != nil {
				t.Fatal(err)
			}
		}
		in.Write(z)
		in.Write([]byte{0, 0, 0xff, 0xff}) // RFC 7692 §7.2.2
		want := ours.corpus.Slice(i, l.Length)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(standard, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: message %d inflates to something else (error %v)", name, i, err)
			return
		}
		// As an echo, each of its bytes is inflated: nothing of this stream is known.
		if v := ours.check(i, slices.Clone(z), true, ours.corpus.Text); !v.same || v.fault != "" {
			t.Errorf("%s: message %d as an echo: %+v, want the same", name, i, v)
			return
		}
	}
}

// TestCheckerOfStandard has the standard library compress echoes: what its text
// is, and whether it is the one that was sent, is known without our inflater.
func TestCheckerOfStandard(t *testing.T) {
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression} {
		for _, corpus := range corpora.Names() {
			for _, length := range []int{16, 1024, 32768} {
				l := cases.EchoLoop{Corpus: corpus, Length: length, Count: 1000}
				a := agreement{ourBits: 15, peerBits: 15}
				streams := NewStreams(nil)
				if _, err := streams.open(l, a); err != nil {
					t.Fatal(err)
				}
				ours := streams.checker(l, a)
				const wrong = 7 // the echo in which one byte is another
				var z bytes.Buffer
				w, err := flate.NewWriter(&z, level)
				if err != nil {
					t.Fatal(err)
				}
				for i := range wrong + 1 {
					text := ours.corpus.Slice(i, length)
					if i == wrong {
						text[len(text)/2] ^= 1
					}
					z.Reset()
					w.Write(text)
					w.Flush()
					echo := bytes.TrimSuffix(z.Bytes(), []byte{0, 0, 0xff, 0xff})
					if v := ours.check(i, slices.Clone(echo), true, ours.corpus.Text); v.same == (i == wrong) || v.size != len(text) {
						t.Errorf("level %d, %s, %d: echo %d: got %+v of %d bytes, same %t", level, corpus, length, i, v, len(text), i != wrong)
					}
				}
				if err := streams.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
