package h3

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// heap is what is in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// What a hostile client makes a server hold is bounded, its own end in this process included.
func TestFloods(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, qc *quic.Conn)
		ends bool
	}{
		{"heads of 64 KiB that do not end, on all streams", func(t *testing.T, qc *quic.Conn) {
			for range 2 * streamBound {
				s, err := qc.OpenStream()
				if err != nil {
					return
				}
				flood(s, append(quicvarint.Append([]byte{byte(FrameHeaders)}, blockBound), make([]byte, 1<<10)...))
			}
			t.Errorf("%d streams are open at a time", 2*streamBound)
		}, false},
		{"streams that are reset", func(t *testing.T, qc *quic.Conn) {
			for range 2 * failBound {
				s, err := qc.OpenStreamSync(t.Context())
				if err != nil {
					return
				}
				flood(s, []byte{byte(FrameHeaders), 100, 0})
				s.CancelWrite(quic.StreamErrorCode(RequestCancelled))
				s.CancelRead(quic.StreamErrorCode(RequestCancelled))
			}
		}, true},
		{"frames of the control stream, and instructions of QPACK", func(t *testing.T, qc *quic.Conn) {
			for _, head := range [][]byte{{0, 4, 0}, {2}, {3}} {
				s, err := qc.OpenUniStream()
				if err != nil {
					t.Fatal(err)
				}
				flood(s, append(head, make([]byte, 1<<20)...)) // empty DATA frames, or zeros
			}
		}, false},
		{"frames that nobody knows", func(t *testing.T, qc *quic.Conn) {
			s, err := qc.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			var p []byte
			for len(p) < 1<<20 {
				p = append(p, 0x21, 0)
			}
			flood(s, p)
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cl, sl := link(t)
			var frames atomic.Int64
			server, err := Open(sl, Options{Server: true, Accept: func(*Stream) {}, Frame: func(Frame) { frames.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			before := heap()
			test.do(t, cl.QUIC)
			if test.ends {
				select {
				case <-server.Done():
				case <-time.After(20 * time.Second):
					t.Error("the connection goes on")
				}
			}
			if grown := heap() - before; grown > 24<<20 {
				t.Errorf("the flood takes %d MB", grown>>20)
			} else {
				t.Logf("%.1f MB", float64(grown)/1e6)
			}
			_ = server.Close()
			if n := frames.Load(); n > 4*controlBound && !test.ends {
				t.Errorf("%d frames are told of", n)
			}
		})
	}
}

// flood sends what the windows permit.
func flood(s interface {
	Write(p []byte) (int, error)
	SetWriteDeadline(t time.Time) error
}, p []byte,
) {
	_ = s.SetWriteDeadline(time.Now().Add(5 * time.Second)) // it never fails
	_, _ = s.Write(p)                                       // the peer may have had enough
}
