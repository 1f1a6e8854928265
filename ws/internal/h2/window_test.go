package h2

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// A stream's window grows while what comes is read at once, up to its bound, and stays as
// it is while nobody reads.
func TestWindowGrows(t *testing.T) {
	for _, row := range []struct {
		name string
		pace func(n int) // before each read
		want int64
	}{
		{"read at once", func(int) {}, maxStreamWindow},
		{"read late", func(int) { time.Sleep(time.Second) }, streamWindow},
	} {
		t.Run(row.name, func(t *testing.T) {
			serve(t, func(s *Stream) {
				buf := make([]byte, 32<<10)
				for n := 0; ; n++ {
					row.pace(n)
					if _, err := s.Read(buf); err != nil {
						return
					}
				}
			}, func(t *testing.T, c *Conn, p *peer) {
				_ = p.request(1)
				window, conn, sent := int64(streamWindow), int64(connWindow), int64(0)
				updates := func() {
					for len(p.frames) > 0 {
						if f := <-p.frames; f.typ == http2.FrameWindowUpdate {
							if f.id == 1 {
								window += int64(f.incr)
							} else if f.incr != connWindow-defaultWindow {
								conn += int64(f.incr)
							}
						}
					}
				}
				most := window
				for sent < 8<<20 {
					for window >= maxFrame && conn >= maxFrame { // all that it allows
						_ = p.WriteData(1, false, make([]byte, maxFrame))
						window, conn, sent = window-maxFrame, conn-maxFrame, sent+maxFrame
					}
					synctest.Wait()
					updates()
					if window < maxFrame {
						time.Sleep(time.Second)
						synctest.Wait()
						updates()
					}
					most = max(most, window)
				}
				if most > row.want || row.want > streamWindow && most < row.want/2 {
					t.Errorf("a window of up to %d bytes, want up to %d", most, row.want)
				}
				c.Close()
			})
		})
	}
}

// Reads of any size, some of them ended by a deadline, give every byte once.
func TestReadsLoseNothing(t *testing.T) {
	got := make(chan []byte, 1)
	serve(t, func(s *Stream) {
		r := rand.New(rand.NewPCG(1, 2))
		var all []byte
		defer func() { got <- all }()
		for {
			_ = s.SetReadDeadline(time.Now().Add(time.Duration(r.IntN(3)) * time.Millisecond))
			p := make([]byte, 1+r.IntN(40_000))
			n, err := s.Read(p)
			all = append(all, p[:n]...)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil && !os.IsTimeout(err) {
				t.Error(err)
				return
			}
		}
	}, func(t *testing.T, c *Conn, p *peer) {
		_ = p.request(1)
		r := rand.New(rand.NewPCG(3, 4))
		var want []byte
		for i := range 200 {
			data := bytes.Repeat([]byte{byte(i)}, 1+r.IntN(1000))
			want = append(want, data...)
			_ = p.WriteData(1, false, data)
			if r.IntN(3) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		_ = p.WriteData(1, true, nil)
		if all := <-got; !bytes.Equal(all, want) {
			t.Errorf("%d bytes came of %d", len(all), len(want))
		}
		c.Close()
	})
}
