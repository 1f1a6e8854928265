package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// rawShown is how much of a payload is shown and kept.
const rawShown = 4 << 10

// rawSession moves frames without a Conn, so that nothing is checked and nothing
// answered.
func (o *dumpOptions) rawSession(ctx context.Context, conn *ws.Conn, con *console) error {
	nc, early, err := conn.Hijack()
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	defer nc.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		con.frames(io.MultiReader(bytes.NewReader(early), nc))
	}()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	lines := con.lines(o.send)
	for {
		select {
		case <-done:
			if ctx.Err() != nil {
				return fmt.Errorf("dump: %w", context.Cause(ctx))
			}
			return nil
		case in, more := <-lines:
			if !more && !o.lastWords(ctx, done) {
				in.verb = "close"
			}
			switch in.verb {
			case "help":
				con.note(commandHelp(true))
			case "frame":
				con.sendFrame(nc, in.frame)
			case "octets":
				if _, err := nc.Write(in.data); err != nil {
					con.note(err.Error())
				}
			case "close":
				_ = nc.Close()
				<-done
				return nil
			}
			if !more {
				lines = nil
			}
		}
	}
}

func (con *console) sendFrame(w io.Writer, f wsproto.Frame) {
	if f.Length == 0 {
		f.Length = uint64(len(f.Payload))
	}
	if con.verbose > 0 {
		con.print(con.out, "> "+frameLine(f.Header, f.Payload))
	}
	if _, err := w.Write(wsproto.AppendFrame(nil, f)); err != nil {
		con.note(err.Error())
	}
}

// frames prints every frame until the connection ends, or cannot be told into
// frames any more.
func (con *console) frames(r io.Reader) {
	for {
		h, err := wsproto.ReadHeader(r)
		if err != nil {
			con.rawEnd(err)
			return
		}
		payload := make([]byte, min(h.Length, rawShown))
		n, err := io.ReadFull(r, payload)
		if h.Masked {
			wsproto.Mask(h.MaskKey, 0, payload[:n])
		}
		con.print(con.out, "< "+frameLine(h, payload[:n]))
		if err == nil && h.Length > rawShown {
			_, err = io.CopyN(io.Discard, r, int64(min(h.Length-rawShown, 1<<62)))
		}
		if err != nil {
			con.rawEnd(err)
			return
		}
	}
}

func (con *console) rawEnd(err error) {
	if errors.Is(err, io.EOF) {
		con.note("the server ended the connection")
		return
	}
	con.note(err.Error())
}
