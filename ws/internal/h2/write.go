package h2

import (
	"encoding/binary"
	"net"
	"os"

	"golang.org/x/net/http2"
)

// Write sends data. A short write overtakes what waits of other streams.
func (s *Stream) Write(p []byte) (n int, err error) {
	s.c.mu.Lock()
	defer s.c.unlock()
	for n < len(p) {
		more, err := s.put(p[n:], false)
		n += more
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// put puts as much of p as may be sent now in a frame, with END_STREAM if that is all and
// end. It waits until that is more than nothing. It needs mu, and unlock writes.
func (s *Stream) put(p []byte, end bool) (int, error) {
	c := s.c
	short := len(p) <= maxShort
	for {
		if err := s.broken(); err != nil {
			return 0, err
		}
		switch {
		case s.localEnd:
			return 0, net.ErrClosed
		case s.write.passed:
			return 0, os.ErrDeadlineExceeded
		}
		n := min(int64(len(p)), s.sendWindow, c.sendWindow, int64(c.peer.maxFrame), maxFrame)
		whole := int(n) == len(p)
		switch {
		case n <= 0:
		case short && whole && s.queued != c.taken && len(c.front) < maxFront-maxShort-frameHeader:
			if c.front == nil {
				c.front = frontBuffers.Get().(*[maxFront]byte)[:0]
			}
			c.front = s.appendData(c.front, p, end)
			return int(n), nil
		case short && len(c.out) < maxPending+maxFrame/2, len(c.out) < maxPending && c.hurry == 0:
			c.startOut()
			c.out = s.appendData(c.out, p[:n], end && whole)
			s.queued = c.taken
			return int(n), nil
		}
		if c.waits() && !c.flushing {
			c.unlock()
			c.mu.Lock()
			continue
		}
		hurry := short && s.sendWindow > 0 && c.sendWindow <= 0
		if hurry {
			c.hurry++
		}
		c.changed.Wait()
		if hurry {
			if c.hurry--; c.hurry == 0 {
				c.changed.Broadcast()
			}
		}
	}
}

// appendData appends a frame, and takes it off the windows.
func (s *Stream) appendData(dst, p []byte, end bool) []byte {
	s.sendWindow -= int64(len(p))
	s.c.sendWindow -= int64(len(p))
	var flags http2.Flags
	if end {
		flags = http2.FlagDataEndStream
	}
	n := len(p)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), byte(http2.FrameData), byte(flags))
	dst = binary.BigEndian.AppendUint32(dst, s.id)
	return append(dst, p...)
}

// CloseWrite sends END_STREAM.
func (s *Stream) CloseWrite() error {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	if s.localEnd {
		return nil
	}
	if err := s.broken(); err != nil {
		return err
	}
	s.endLocal()
	return nil
}

// endLocal needs mu.
func (s *Stream) endLocal() {
	s.localEnd = true
	id := s.id
	s.c.control(func(w *http2.Framer) error { return w.WriteData(id, true, nil) })
	if s.remoteEnd {
		s.c.forget(s)
	}
}
