package rawscript

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// read reports what comes until the connection ends: heads if that is what they
// look like, then frames, or bytes where the handshake has failed.
func (p *Player) read() {
	defer close(p.done)
	r := bufio.NewReaderSize(p.nc, maxHead)
	err := p.heads(r)
	if err == nil {
		err = p.frames(r)
	}
	if errors.Is(err, net.ErrClosed) {
		err = net.ErrClosed
	}
	p.received(Event{Kind: EventEnd, Err: err})
}

// heads returns nil when frames follow.
func (p *Player) heads(r *bufio.Reader) error {
	for {
		begin, err := r.Peek(1)
		if err != nil {
			return err
		}
		if begin[0] < 'A' || 'Z' < begin[0] { // no frame without an extension begins with a letter
			return nil
		}
		head, err := readHead(r)
		if err != nil {
			if len(head) > 0 {
				p.received(Event{Kind: EventBytes, Data: head})
			}
			return err
		}
		p.received(Event{Kind: EventHead, Data: head})
		if p.opts.Server {
			return nil
		}
		switch s := status(head); {
		case s == 101:
			return nil
		case s < 100 || s > 199:
			return p.bytes(r)
		}
	}
}

// readHead reads up to an empty line.
func readHead(r *bufio.Reader) (head []byte, err error) {
	for len(head) < maxHead {
		line, err := r.ReadSlice('\n')
		head = append(head, line...)
		if err != nil {
			return head, err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return head, nil
		}
	}
	return head, errors.New("head is too long")
}

// bytes reports what is left, such as the body of a refusal.
func (p *Player) bytes(r io.Reader) error {
	for {
		buf := make([]byte, MaxShown)
		n, err := r.Read(buf)
		if n > 0 {
			p.received(Event{Kind: EventBytes, Data: buf[:n]})
		}
		if err != nil {
			return err
		}
	}
}

func (p *Player) frames(r io.Reader) error {
	for {
		h, err := wsproto.ReadHeader(r)
		if err != nil {
			return err
		}
		payload := make([]byte, min(h.Length, MaxShown))
		n, err := io.ReadFull(r, payload)
		if errors.Is(err, io.EOF) && h.Length > 0 {
			err = io.ErrUnexpectedEOF
		}
		if h.Masked {
			wsproto.Mask(h.MaskKey, 0, payload[:n])
		}
		if err == nil && h.Length > MaxShown {
			_, err = io.CopyN(io.Discard, r, int64(min(h.Length-MaxShown, 1<<62)))
		}
		if err != nil {
			p.hear(Event{Kind: EventFrame, Header: h, Data: payload[:n], Partial: true}) // nothing to await
			return err
		}
		p.received(Event{Kind: EventFrame, Header: h, Data: payload[:n]})
	}
}
