package native

import (
	"context"
	"errors"
	"math"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/internal/h3"
)

// A layer is what a rehearsed connection is played on: HTTP/2 or HTTP/3.
type layer interface {
	Announced(deadline time.Time) (settings, connect bool)
	Done() <-chan struct{}
	Err() error
	Close() error
	version() string
	most() int64 // streams that the peer takes at once; negative if it did not say
	open() (s layerStream, id int64, err error)
	send(op cases.HTTP2Op) error // a frame as it is, of the connection
	leave()                      // tells the peer that the connection is over
}

// A layerStream is a stream of it.
type layerStream interface {
	ask(fields []hpack.HeaderField, op cases.HTTP2Op) error
	take(f func([]byte)) // hands over what comes
	data(p []byte, pad int, end bool) error
	reset(code uint32) error
	send(op cases.HTTP2Op) error // a frame as it is
	window() int64
	awaitWindow(n int, deadline time.Time) bool
	Write(p []byte) (int, error)
	SetWriteDeadline(t time.Time) error
}

// layer2 is HTTP/2.
type layer2 struct{ *h2.Conn }

func openLayer2(nc net.Conn, o h2.Options) (layer, error) {
	hc, err := h2.Open(nc, o)
	return layer2{hc}, err
}

func (l layer2) version() string { return "HTTP/2" }
func (l layer2) most() int64     { return l.Most() }

func (l layer2) open() (layerStream, int64, error) {
	s := l.NewStream()
	return stream2{s}, int64(s.ID), nil
}

func (l layer2) send(op cases.HTTP2Op) error { return sendHTTP2(l.Conn, 0, op) }

func (l layer2) leave() {
	if l.Err() == nil {
		l.GoAway(0, http2.ErrCodeNo) //nolint:errcheck // the connection is over
	}
}

type stream2 struct{ *h2.Stream }

func (s stream2) ask(fields []hpack.HeaderField, op cases.HTTP2Op) error {
	return s.Headers(fields, h2.HeadersForm{End: op.End, Pad: uint8(op.Pad), Split: op.Split, Empty: op.Times})
}

func (s stream2) take(f func([]byte))                    { s.Take(f) }
func (s stream2) data(p []byte, pad int, end bool) error { return s.Data(p, pad, end) }
func (s stream2) reset(code uint32) error                { return s.Reset(http2.ErrCode(code)) }
func (s stream2) send(op cases.HTTP2Op) error            { return sendHTTP2(s.Stream.Conn(), s.ID, op) }
func (s stream2) window() int64                          { return s.Window() }

func (s stream2) awaitWindow(n int, deadline time.Time) bool { return s.AwaitWindow(n, deadline) }

// layer3 is HTTP/3, whose windows are those of QUIC.
type layer3 struct{ *h3.Conn }

func openLayer3(nc net.Conn, frame func(h3.Frame)) (layer, error) {
	link, ok := nc.(*h3.Link)
	if !ok {
		return nil, errors.New("HTTP/3 is not played on TCP")
	}
	hc, err := h3.Open(link, h3.Options{Frame: frame})
	return layer3{hc}, err
}

func (l layer3) version() string { return "HTTP/3" }
func (l layer3) most() int64     { return -1 }

func (l layer3) open() (layerStream, int64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepBound)
	defer cancel()
	s, err := l.NewStream(ctx)
	if err != nil {
		return nil, 0, err
	}
	return stream3{s}, s.ID, nil
}

// The types of frames that HTTP/2 and HTTP/3 share have the same numbers.

func (l layer3) send(op cases.HTTP2Op) error { return l.Control(h3.FrameType(op.Type), op.Payload) }
func (l layer3) leave()                      {}

type stream3 struct{ *h3.Stream }

func (s stream3) ask(fields []hpack.HeaderField, op cases.HTTP2Op) error {
	return s.Headers(fields, op.End)
}

func (s stream3) take(f func([]byte))                  { go s.Take(f) }
func (s stream3) data(p []byte, _ int, end bool) error { return s.Data(p, end) }
func (s stream3) reset(code uint32) error              { return s.Reset(h3.Code(code)) }
func (s stream3) send(op cases.HTTP2Op) error          { return s.Raw(h3.FrameType(op.Type), op.Payload) }
func (s stream3) window() int64                        { return math.MaxInt64 }

func (s stream3) awaitWindow(int, time.Time) bool { return true }

// What follows makes them streams with a request.

func (s stream2) version() string { return "HTTP/2" }

func (s stream2) respond(fields []hpack.HeaderField) error {
	return s.Headers(fields, h2.HeadersForm{})
}

func (s stream2) below() net.Conn { return s.Conn().NetConn() }

func (s stream2) fields() []hpack.HeaderField {
	fields, _ := s.Request()
	return fields
}

func (s stream3) version() string                          { return "HTTP/3" }
func (s stream3) respond(fields []hpack.HeaderField) error { return s.Headers(fields, false) }
func (s stream3) below() net.Conn                          { return s.Conn().Link() }
func (s stream3) fields() []hpack.HeaderField              { return s.Request() }
