package native

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wsconform/wsconform/cases"
)

// writeHead writes our half of the handshake, in pieces if the case asks for it. Each
// is a segment that the peer can read by itself.
func writeHead(nc net.Conn, out []byte, head cases.Head) error {
	pause := breather
	if _, ok := head.Find(cases.EditBytewise); ok {
		pause = 0
	}
	if e, ok := head.Find(cases.EditTrickle); ok {
		every, patience, _ := e.Pace()
		return trickle(nc, out, every, patience)
	}
	n := head.Pieces()
	for ; n > 0 && len(out) > n; out = out[n:] {
		if _, err := nc.Write(out[:n]); err != nil {
			return err
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
	_, err := nc.Write(out)
	return err
}

// trickle writes a byte each interval, for so long at most or up to the end of the connection, which a read finds out between the writes. What else is read is dropped: it
// refuses a request that is not complete.
func trickle(nc net.Conn, out []byte, every, patience time.Duration) error {
	end := time.Now().Add(patience)
	nc.SetDeadline(end.Add(time.Second)) //nolint:errcheck // a broken connection shows in the next call
	var buf [1 << 10]byte
	for len(out) > 0 {
		next := time.Now().Add(every)
		if next.After(end) {
			next = end
		}
		nc.SetReadDeadline(next) //nolint:errcheck // as above
		for {
			_, err := nc.Read(buf[:])
			if isTimeout(err) {
				break
			}
			if err != nil {
				return err
			}
		}
		if !time.Now().Before(end) {
			return errTrickled
		}
		if _, err := nc.Write(out[:1]); err != nil {
			return err
		}
		out = out[1:]
	}
	return nil
}

// errTrickled says that a peer has kept a head that trickles all the time.
var errTrickled = errors.New("the peer waits for a head that trickles")

// clipped is how much of our half of the handshake a transcript keeps.
const clipped = 32 << 10

// bounded is text as a transcript keeps it.
func bounded(text string) string {
	if len(text) <= clipped {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)\r\n\r\n", text[:clipped], len(text))
}
