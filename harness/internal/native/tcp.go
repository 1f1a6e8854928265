package native

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
)

// below is the connection beneath TLS, or nc itself without TLS.
func below(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}

// tear makes the end of nc a reset: what is unsent is dropped, and the peer gets RST.
func tear(nc net.Conn) {
	nc = below(nc)
	if tcp, ok := nc.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) //nolint:errcheck // a broken connection needs none
	}
	nc.Close()
}

// A watched connection remembers whether it came to the end of TCP. Package crypto/tls
// does not tell that end from close_notify.
type watched struct {
	*net.TCPConn
	ended atomic.Bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.TCPConn.Read(p)
	if errors.Is(err, io.EOF) {
		w.ended.Store(true)
	}
	return n, err
}

// watch returns nc as the connection beneath TLS.
func watch(nc net.Conn) net.Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &watched{TCPConn: tcp}
	}
	return nc
}

// notified reports whether the end of nc came by close_notify.
func notified(nc net.Conn) bool {
	w, ok := below(nc).(*watched)
	return ok && !w.ended.Load()
}

// How a player reads. The reader looks at it before each read.
type reading struct {
	cases.ReadOp
	change chan struct{} // closed when it is replaced
	stale  bool          // a read deadline has to be taken back
}

// readAs changes how we read, also while a read is under way.
func (p *player) readAs(op cases.ReadOp) {
	close(p.reading.change)
	p.reading = reading{op, make(chan struct{}), true}
	switch {
	case op.Stop:
		p.note("we stop reading")
	case op.Every > 0:
		p.note(cases.ReadSlowly{Bytes: op.Bytes, Every: op.Every}.String())
	default:
		p.note("we read on")
	}
	p.wakeReader()
}

// turn waits until the next read may begin, and says how we read.
func (p *player) turn() reading {
	for {
		p.mu.Lock()
		r := p.reading
		if p.state == stateClosed {
			p.mu.Unlock()
			return r
		}
		if r.stale {
			p.reading.stale = false
			p.nc.SetReadDeadline(time.Time{}) //nolint:errcheck // a broken connection shows in the next call
		}
		p.mu.Unlock()
		switch {
		case r.Stop:
			<-r.change
		case r.Every > 0:
			pace := time.NewTimer(r.Every)
			select {
			case <-pace.C:
				return r
			case <-r.change:
				pace.Stop()
			}
		default:
			return r
		}
	}
}

// woken reports whether a read ended only because the way of reading has changed.
func (p *player) woken(before reading, err error) bool {
	return isTimeout(err) && p.state != stateClosed && before.change != p.reading.change
}

// ended records how the peer ended the connection. One that speaks TLS says so by an
// alert first, or tears the connection.
func (p *player) ended(err error) {
	for _, e := range endsOf(p.nc, err) {
		p.record(e)
	}
}

// endsOf is how a connection ended on which a read failed so.
func endsOf(nc net.Conn, err error) []transcript.Event {
	alert := func(words string) transcript.Event {
		return transcript.Event{Kind: transcript.GotAlert, Data: transcript.Octet(words), Len: len(words)}
	}
	end := transcript.Event{Kind: transcript.GotEnd}
	switch {
	case errors.Is(err, io.EOF) && notified(nc):
		return []transcript.Event{alert(transcript.CloseNotify), end}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return []transcript.Event{end}
	}
	if words, ok := alertOf(err); ok {
		return []transcript.Event{alert(words), end}
	}
	return []transcript.Event{{Kind: transcript.GotReset}}
}

// alertOf is the alert by which the peer ended TLS, in the words of crypto/tls.
func alertOf(err error) (words string, ok bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return "", false
	}
	return strings.TrimPrefix(op.Err.Error(), "tls: "), true
}

// secured is what was agreed on by TLS, nil without.
func secured(nc net.Conn) *transcript.TLSState {
	if s, ok := nc.(interface{ Beneath() net.Conn }); ok {
		nc = s.Beneath()
	}
	var s tls.ConnectionState
	switch nc := nc.(type) {
	case *tls.Conn:
		s = nc.ConnectionState()
	case *h3.Link:
		s = nc.ConnectionState()
	}
	if !s.HandshakeComplete {
		return nil
	}
	return &transcript.TLSState{Version: tls.VersionName(s.Version), Protocol: s.NegotiatedProtocol, Name: s.ServerName}
}

// changed is the configuration of TLS as a case changes it.
func changed(conf *tls.Config, by *cases.TLS) *tls.Config {
	if by == nil {
		return conf
	}
	if by.Only != 0 {
		conf.MinVersion, conf.MaxVersion = by.Only, by.Only
	}
	if len(by.Protocols) > 0 {
		conf.NextProtos = by.Protocols
	}
	if by.Certificate != "" && len(conf.Certificates) > 0 {
		conf.Certificates = []tls.Certificate{flawed(conf.Certificates[0], by.Certificate)}
	}
	if by.Name != "" { // which its certificate need not have
		conf.ServerName, conf.InsecureSkipVerify = by.Name, true
	}
	return conf
}

// tlsEnd is how a server ended the handshake of TLS. Nothing tells where we did.
func tlsEnd(err error) []transcript.Event {
	if words, ok := alertOf(err); ok {
		return []transcript.Event{{Kind: transcript.GotAlert, Data: transcript.Octet(words), Len: len(words)}}
	}
	switch {
	case errors.Is(err, io.EOF):
		return []transcript.Event{{Kind: transcript.GotEnd}}
	case errors.Is(err, syscall.ECONNRESET):
		return []transcript.Event{{Kind: transcript.GotReset}}
	}
	return nil
}
