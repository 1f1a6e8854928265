package wstest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// directBound is the longest message that a direct connection accepts, and the longest
// frame that it sends.
const directBound = 1 << 20

// A directFrame is the argument of the command sendframe.
type directFrame struct {
	Opcode     uint8  `json:"opcode"`
	Payload    string `json:"payload"`
	Fin        *bool  `json:"fin"`
	RSV        uint8  `json:"rsv"`
	PayloadLen *int   `json:"payload_len"` // the payload is repeated and cut to this many bytes
	Chop       int    `json:"chopsize"`    // bytes per write
}

var errDirect = errors.New("not a command")

// direct serves a connection to any other path: the client sends commands, each a
// text message with a JSON array, and receives what it asks for. Anything else ends
// the connection.
func direct(ctx context.Context, nc net.Conn, early []byte) {
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	d := directConn{nc: nc, data: early}
	for {
		h, payload, err := d.frame()
		if err != nil || h.Opcode != wsproto.OpText && !h.Opcode.Control() || !h.Fin || h.RSV != 0 {
			return
		}
		switch h.Opcode {
		case wsproto.OpClose:
			d.send(wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, wsproto.AppendClose(nil, wsproto.StatusNormalClosure, ""), 0) //nolint:errcheck // it is over
			return
		case wsproto.OpPing:
			err = d.send(wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, payload, 0)
		case wsproto.OpText:
			err = d.command(payload)
		default: // a pong asks for nothing
		}
		if err != nil {
			return
		}
	}
}

type directConn struct {
	nc     net.Conn
	data   []byte // read and not yet used
	closed bool   // we have sent a close frame
}

// frame reads a frame of the client and unmasks it.
func (d *directConn) frame() (wsproto.Header, []byte, error) {
	for {
		h, n, err := wsproto.ParseHeader(d.data)
		switch {
		case err != nil:
			return h, nil, err
		case n > 0 && (h.Length > directBound || !h.Masked):
			return h, nil, errDirect
		case n > 0 && uint64(len(d.data)-n) >= h.Length:
			payload := d.data[n : n+int(h.Length)] //nolint:gosec // bounded
			d.data = d.data[n+int(h.Length):]      //nolint:gosec // bounded
			wsproto.Mask(h.MaskKey, 0, payload)
			return h, payload, nil
		}
		buf := make([]byte, 4<<10)
		read, err := d.nc.Read(buf)
		if read == 0 && err != nil {
			return h, nil, err
		}
		d.data = append(d.data, buf[:read]...)
	}
}

func (d *directConn) command(text []byte) error {
	var row []json.RawMessage
	var name string
	if err := json.Unmarshal(text, &row); err != nil || len(row) != 2 || json.Unmarshal(row[0], &name) != nil {
		return errDirect
	}
	switch name {
	case "sendframe":
		var f directFrame
		if err := json.Unmarshal(row[1], &f); err != nil {
			return err
		}
		return d.sendFrame(f)
	case "sendframes":
		var list []directFrame
		if err := json.Unmarshal(row[1], &list); err != nil {
			return err
		}
		for _, f := range list {
			if err := d.sendFrame(f); err != nil {
				return err
			}
		}
		return nil
	case "close":
		return d.closeWith(row[1])
	}
	return errDirect
}

func (d *directConn) closeWith(arg json.RawMessage) error {
	var say struct {
		Code   uint16 `json:"code"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(arg, &say); err != nil {
		return err
	}
	if say.Code != 0 && say.Code != 1000 && (say.Code < 3000 || say.Code > 4999) || len(say.Reason) > 123 {
		return errDirect
	}
	if d.closed {
		return nil
	}
	d.closed = true
	d.nc.SetReadDeadline(time.Now().Add(time.Second)) //nolint:errcheck // a broken connection shows at once
	return d.send(wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, wsproto.AppendClose(nil, wsproto.StatusCode(say.Code), say.Reason), 0)
}

func (d *directConn) sendFrame(f directFrame) error {
	payload := []byte(f.Payload)
	if f.PayloadLen != nil {
		want := *f.PayloadLen
		if want < 0 || want > directBound || want > 0 && len(payload) == 0 {
			return errDirect
		}
		for len(payload) < want {
			payload = append(payload, payload[:min(len(payload), want-len(payload))]...)
		}
		payload = payload[:want]
	}
	if f.Opcode > 15 || f.RSV > 7 || f.Chop < 0 {
		return errDirect
	}
	h := wsproto.Header{Fin: f.Fin == nil || *f.Fin, RSV: f.RSV, Opcode: wsproto.Opcode(f.Opcode)}
	return d.send(h, payload, f.Chop)
}

// send writes a frame, chop bytes at a time.
func (d *directConn) send(h wsproto.Header, payload []byte, chop int) error {
	d.nc.SetWriteDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a broken connection shows at once
	out := wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: payload})
	for len(out) > 0 {
		n := len(out)
		if chop > 0 {
			n = min(chop, n)
		}
		wrote, err := d.nc.Write(out[:n])
		if err != nil {
			return err
		}
		if wrote < n {
			return io.ErrShortWrite
		}
		out = out[n:]
	}
	return nil
}
