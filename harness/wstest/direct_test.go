package wstest

import (
	"net"
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A frame that cannot be sent, whole or in pieces, is an error.
func TestSendToNobody(t *testing.T) {
	for _, chop := range []int{0, 2} {
		ours, theirs := net.Pipe()
		theirs.Close()
		d := &directConn{nc: ours}
		if err := d.send(wsproto.Header{Fin: true, Opcode: wsproto.OpText}, []byte("Hello"), chop); err == nil {
			t.Errorf("in pieces of %d: no error", chop)
		}
		ours.Close()
	}
}
