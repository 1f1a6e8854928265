package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Where a case tells the client to use a proxy, we are that proxy: the first thing on the
// connection is what the client asks of it. What follows our answer is for the server, which we
// are too.

// proxyPatience is how long a client may take to give up behind a proxy that has refused.
const proxyPatience = 10 * time.Second

// A proxied connection is one on which the client has asked for a tunnel.
type proxied struct {
	nc      net.Conn
	events  []transcript.Event
	request string // what came in place of a request to the proxy
	over    error  // why nothing follows for the server
}

// beProxy takes what the client asks of the proxy, and answers it as the case says.
func (e *Endpoint) beProxy(nc net.Conn, it cases.Conn) proxied {
	p := proxied{nc: nc}
	begun := time.Now()
	nc.SetDeadline(begun.Add(proxyPatience)) //nolint:errcheck // a broken connection shows in the next call
	if strings.HasPrefix(it.Proxy, "socks") {
		e.socks(&p, it.Tunnel)
	} else {
		e.connect(&p, it.Tunnel)
	}
	if p.over != nil && len(p.events) > 0 && !isTimeout(p.over) {
		for _, ev := range endsOf(nc, p.over) {
			ev.At = time.Since(begun)
			p.events = append(p.events, ev)
		}
	}
	return p
}

// connect is a proxy of HTTP (RFC 6455 §4.1).
func (e *Endpoint) connect(p *proxied, edits cases.Head) {
	h, err := readHead(p.nc)
	switch {
	case err != nil:
		p.over, p.request = err, h.text
		return
	case !strings.HasPrefix(h.Start(), "CONNECT "):
		respond(p.nc, refuse(501, "this proxy only makes tunnels"))
		p.over, p.request = errors.New("the client did not ask the proxy for a tunnel"), h.text
		return
	}
	p.asked(h.text)
	e.overhear(p, &h, edits)
	_, port, _ := net.SplitHostPort(p.nc.LocalAddr().String())
	text := edits.Fill("{port}", port).Text("HTTP/1.1 200 Connection established", nil)
	if _, p.over = p.nc.Write([]byte(text)); p.over != nil {
		return
	}
	p.follow(h.early, !strings.HasPrefix(text, "HTTP/1.1 2") || !strings.Contains(text, "\r\n\r\n"))
}

// overhear waits, if the case has the answer late, and notes what the client sends before it.
func (e *Endpoint) overhear(p *proxied, h *head, edits cases.Head) {
	_, late := edits.Find(cases.EditDelay)
	if late {
		e.hold(p.nc, h)                                 // what it finds is noted below
		p.nc.SetDeadline(time.Now().Add(proxyPatience)) //nolint:errcheck // a broken connection shows in the next call
	}
	if len(h.early) > 0 {
		p.events = append(p.events, transcript.Event{
			Kind: transcript.GotOffence, Data: transcript.Octet("bytes come before the response of the proxy"), Section: "RFC 6455 4.1",
		})
	}
}

// follow has the server read on behind the proxy. If that has refused, the client is to end the
// connection; if it sends something all the same, that is for the server.
func (p *proxied) follow(early []byte, refused bool) {
	if refused && len(early) == 0 {
		buf := make([]byte, 4<<10)
		n, err := p.nc.Read(buf)
		if n == 0 {
			p.over = err
			return
		}
		early = buf[:n]
	}
	if len(early) > 0 {
		p.nc = &forerun{Conn: p.nc, r: io.MultiReader(bytes.NewReader(early), p.nc)}
	}
}

func (p *proxied) asked(what string) {
	what = what[:min(len(what), transcript.HeadSize)]
	p.events = append(p.events, transcript.Event{Kind: transcript.GotProxied, Len: len(what), Data: transcript.Octet(what)})
}

// A forerun connection has bytes that were read already.
type forerun struct {
	net.Conn
	r io.Reader
}

func (f *forerun) Read(b []byte) (int, error) { return f.r.Read(b) }

// The numbers of SOCKS (RFC 1928).
const (
	socksVersion = 5
	socksFree    = 0    // no credentials are asked for
	socksNone    = 0xFF // none of the ways to show credentials will do
	socksConnect = 1
	socksIPv4    = 1
	socksName    = 3
	socksIPv6    = 4
)

// socks is a proxy of SOCKS, version 5 (RFC 1928).
func (e *Endpoint) socks(p *proxied, edits cases.Head) {
	var b [2]byte
	if _, p.over = io.ReadFull(p.nc, b[:]); p.over != nil {
		return
	}
	if b[0] != socksVersion { // it goes past the proxy
		h, err := readHead(io.MultiReader(bytes.NewReader(b[:]), p.nc))
		respond(p.nc, refuse(501, "this is a proxy of SOCKS"))
		p.request, p.over = h.text, errors.Join(errors.New("the client did not speak SOCKS"), err)
		return
	}
	methods := make([]byte, b[1])
	if _, p.over = io.ReadFull(p.nc, methods); p.over != nil {
		return
	}
	method := byte(socksNone)
	if bytes.IndexByte(methods, socksFree) >= 0 {
		method = socksFree
	}
	if _, p.over = p.nc.Write([]byte{socksVersion, method}); p.over != nil || method == socksNone {
		p.over = errors.Join(p.over, errors.New("the client asks for credentials"))
		return
	}
	what, err := readSocks(p.nc)
	if p.over = err; err != nil {
		return
	}
	p.asked(what)
	var h head
	e.overhear(p, &h, edits)
	if _, p.over = p.nc.Write([]byte{socksVersion, 0, 0, socksIPv4, 127, 0, 0, 1, 0, 0}); p.over == nil {
		p.follow(h.early, false)
	}
}

// readSocks reads a request of SOCKS and says in words what it asks for.
func readSocks(r io.Reader) (string, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", err
	}
	size, kind := 0, "address"
	switch b[3] {
	case socksIPv4:
		size = net.IPv4len
	case socksIPv6:
		size = net.IPv6len
	case socksName:
		var n [1]byte
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return "", err
		}
		size, kind = int(n[0]), "name"
	}
	rest := make([]byte, size+2)
	if _, err := io.ReadFull(r, rest); err != nil {
		return "", err
	}
	if b[0] != socksVersion || b[1] != socksConnect || size == 0 {
		return "", fmt.Errorf("the request of SOCKS is % x", b)
	}
	host := string(rest[:size])
	if kind == "address" {
		host = net.IP(rest[:size]).String()
	}
	return kind + " " + net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(rest[size:])))), nil
}

// plainly returns nc, and whether what it begins with is a request without TLS.
func plainly(nc net.Conn) (net.Conn, bool) {
	var b [1]byte
	if _, err := io.ReadFull(nc, b[:]); err != nil {
		return nc, false
	}
	return &forerun{Conn: nc, r: io.MultiReader(bytes.NewReader(b[:]), nc)}, b[0] >= 'A' && b[0] <= 'Z'
}
