package ws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Extension is a protocol extension (RFC 6455 §9) besides permessage-deflate, which
// [Deflate] turns on. One value serves any number of connections.
type Extension interface {
	// Offer returns what a client asks for, the best first. All have the same name.
	Offer() []wsproto.Extension
	// Accept is a server's answer to an offer of any name: the response, and the Codec
	// of the connection. A nil Codec declines the offer.
	Accept(offer wsproto.Extension) (response wsproto.Extension, codec Codec)
	// Confirm is a client's look at the response to its offers. An error fails the
	// handshake.
	Confirm(response wsproto.Extension) (Codec, error)
}

// A Codec changes the frames of one connection on their way out and back: those of
// messages, after they have been compressed, and those with an opcode of its own. Close,
// ping and pong frames pass it by.
//
// Encode and Decode may run at the same time, each for one frame at a time, in the order
// of the frames. They must not call the Conn and must not modify a payload; the payload
// they return may be the same one or part of it. An error of Encode ends the connection,
// and so does one of Decode, with StatusProtocolError of wsproto or the code of a
// [*wsproto.ProtocolError]. Length, mask and key of the frames that they return do not
// count.
type Codec interface {
	// Reserves returns which reserved bits (see [wsproto.RSV1]) and reserved opcodes
	// frames may have. Extensions of a connection must not share any, and RSV1 is that
	// of compression.
	//
	// A reserved opcode of 3 to 7 is the [MessageType] of messages that [Conn.Write] and
	// [Conn.Read] take; they are not compressed, and any bytes will do. One of 11 to 15 is
	// that of control frames of at most 125 bytes: Write sends one, also between
	// the frames of a message, and what arrives ends with Decode.
	Reserves() (rsv uint8, opcodes []wsproto.Opcode)
	// Encode returns the frame to send.
	Encode(f wsproto.Frame) (wsproto.Frame, error)
	// Decode returns the frame as it was before the peer's Encode.
	Decode(f wsproto.Frame) (wsproto.Frame, error)
}

const deflateName = "permessage-deflate"

// extended is what extensions add to a Conn.
type extended struct {
	codecs  []Codec // in the order of the response, that of sending (RFC 6455 §9.1)
	rsv     uint8
	opcodes uint16 // a bit for each

	// Of the reader: a frame that has to be there as a whole.
	wire  wsproto.Header
	begun bool   // part of it has been taken from the buffer
	got   []byte // that part
	plain []byte // what is left of the frame that was decoded
}

// add takes one more codec, unless it uses what another does.
func (e *extended) add(c Codec, deflate bool) error {
	rsv, opcodes := c.Reserves()
	if rsv&^7 != 0 || rsv&e.rsv != 0 || deflate && rsv&wsproto.RSV1 != 0 {
		return errors.New("reserved bits in use already")
	}
	var set uint16
	for _, op := range opcodes {
		if !reservedOpcode(op) {
			return fmt.Errorf("%v is not a reserved opcode", op)
		}
		set |= 1 << op
	}
	if set&e.opcodes != 0 {
		return errors.New("reserved opcodes in use already")
	}
	e.codecs, e.rsv, e.opcodes = append(e.codecs, c), e.rsv|rsv, e.opcodes|set
	return nil
}

func reservedOpcode(op wsproto.Opcode) bool { return op >= 3 && op <= 7 || op >= 11 && op <= 15 }

// passesCodecs reports whether the frame is one that a Codec has nothing to do with.
func passesCodecs(op wsproto.Opcode) bool {
	return op == wsproto.OpClose || op == wsproto.OpPing || op == wsproto.OpPong
}

// checkType says whether messages of the type can be sent.
func (c *Conn) checkType(typ MessageType) error {
	if c.ext != nil && reservedOpcode(typ) && c.ext.opcodes&(1<<typ) != 0 {
		return nil
	}
	return checkType(typ)
}

// encode is the way of a frame to the wire.
func (e *extended) encode(f wsproto.Frame) (wsproto.Frame, error) {
	for _, c := range e.codecs {
		var err error
		if f, err = c.Encode(f); err != nil {
			return f, fmt.Errorf("extension: %w", err)
		}
	}
	return f, nil
}

// decode is the way back. What comes of it must be a frame of the RFCs that we know.
func (e *extended) decode(f wsproto.Frame, state wsproto.State) (wsproto.Frame, error) {
	for _, c := range slices.Backward(e.codecs) {
		var err error
		if f, err = c.Decode(f); err != nil {
			if _, ok := errors.AsType[*wsproto.ProtocolError](err); !ok {
				err = &wsproto.ProtocolError{RFC: 6455, Section: "9", Code: wsproto.StatusProtocolError, Reason: "extension: " + err.Error()}
			}
			return f, err
		}
	}
	f.Masked, f.MaskKey, f.Length, f.Form = state.Server, [4]byte{}, uint64(len(f.Payload)), wsproto.FormMinimal
	state.RSV = 0
	return f, wsproto.CheckHeader(f.Header, state)
}

// extendedFrame is frame for a connection with extensions: it waits for all of a frame.
func (c *Conn) extendedFrame(ctx context.Context) error {
	e, r := c.ext, &c.rd
	for !e.begun {
		h, n, err := c.header(ctx)
		if err != nil {
			return err
		}
		if h.Opcode.Control() {
			if err := c.control(ctx, h, n); err != nil {
				return err
			}
			continue
		}
		if h.Length > uint64(c.readLimit) {
			return c.failTooLarge()
		}
		r.r += n
		if c.onFrame != nil {
			c.traceReceived(h, r.buf[r.r:r.w])
		}
		e.wire, e.begun = h, true
	}
	for left := e.wire.Length - uint64(len(e.got)); left > 0; left = e.wire.Length - uint64(len(e.got)) {
		if r.r == r.w {
			if err := c.fill(ctx); err != nil {
				return err
			}
		}
		n := int(min(left, uint64(r.w-r.r)))
		e.got = append(e.got, r.buf[r.r:r.r+n]...)
		r.r += n
		if !c.hold(len(e.got)) {
			e.got = nil
			return c.noMemory()
		}
	}
	f := wsproto.Frame{Header: e.wire, Payload: e.got}
	e.begun, e.got = false, nil
	if f.Masked {
		wsproto.Mask(f.MaskKey, 0, f.Payload)
	}
	f, err := e.decode(f, c.receiving())
	if err != nil {
		return c.fail(err)
	}
	e.plain = f.Payload
	f.Masked = false
	return c.openFrame(f.Header)
}

// extendedControl is a control frame that only a Codec knows.
func (c *Conn) extendedControl(f wsproto.Frame) error {
	f.Payload = slices.Clone(f.Payload)
	if _, err := c.ext.decode(f, c.receiving()); err != nil {
		return c.fail(err)
	}
	return nil
}

// writeControl sends a control frame with an opcode of an extension.
func (c *Conn) writeControl(ctx context.Context, typ MessageType, p []byte) error {
	if len(p) > wsproto.MaxControlPayload {
		return fmt.Errorf("payload of %d bytes exceeds %d", len(p), wsproto.MaxControlPayload)
	}
	return c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: typ}, p)
}

// acceptExtensions is a server's choice among the offers.
func (i *handshakeInfo) acceptExtensions(list []Extension, offers []wsproto.Extension) *RejectError {
	for _, x := range list {
		for _, offer := range offers {
			response, codec := x.Accept(offer)
			if codec == nil {
				continue
			}
			if _, err := wsproto.ParseExtensions(response.String()); err != nil {
				return refuse(http.StatusInternalServerError, err.Error())
			}
			if i.addCodec(codec) == nil {
				i.extensions = append(i.extensions, response)
				break
			}
		}
	}
	return nil
}

func (i *handshakeInfo) addCodec(c Codec) error {
	if i.ext == nil {
		i.ext = new(extended)
	}
	return i.ext.add(c, i.deflate != nil)
}

// extensionOffers is the value of the Sec-WebSocket-Extensions header of a request.
func (o *DialOptions) extensionOffers() []wsproto.Extension {
	var list []wsproto.Extension
	if o.Deflate != nil {
		for _, offer := range o.Deflate.offers() {
			list = append(list, offer.Extension())
		}
	}
	for _, x := range o.Extensions {
		list = append(list, x.Offer()...)
	}
	return list
}

// confirmExtensions is a client's look at the extensions of a response. The order of them
// counts (RFC 6455 §9.1), and what is compressed here is so before all else.
func (o *DialOptions) confirmExtensions(info *handshakeInfo, exts []wsproto.Extension) error {
	info.extensions = exts
	used := make(map[int]bool)
	for n, e := range exts {
		if o.Deflate != nil && strings.EqualFold(e.Name, deflateName) {
			if n > 0 {
				return errors.New("permessage-deflate occurs twice in the response, or behind another extension")
			}
			agreed, err := o.Deflate.verify(e)
			if err != nil {
				return err
			}
			info.deflate = &agreed
			continue
		}
		at := slices.IndexFunc(o.Extensions, func(x Extension) bool {
			offers := x.Offer()
			return len(offers) > 0 && strings.EqualFold(offers[0].Name, e.Name)
		})
		if at < 0 || used[at] {
			return fmt.Errorf("server chose extension %s, which was not offered, or twice", e.Name)
		}
		used[at] = true
		codec, err := o.Extensions[at].Confirm(e)
		if err == nil {
			err = info.addCodec(codec)
		}
		if err != nil {
			return fmt.Errorf("extension %s: %w", e.Name, err)
		}
	}
	return nil
}
