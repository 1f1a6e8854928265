package ws

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/proxy"
)

// connectMethod asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6).
func (o *DialOptions) connectMethod(nc net.Conn, user *url.Userinfo, addr string, e *HandshakeError) error {
	b := fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", addr, addr)
	if user != nil {
		b = fmt.Appendf(b, "Proxy-Authorization: %s\r\n", basicAuth(user))
	}
	b = append(b, "\r\n"...)
	if o.OnHandshake != nil {
		o.OnHandshake(true, b)
	}
	if _, err := nc.Write(b); err != nil {
		return err
	}
	status, header, rest, err := finalResponse(nc, o.OnHandshake)
	var malformed *HandshakeError
	switch {
	case errors.As(err, &malformed):
		return e.because(malformed.Reason, nil)
	case err != nil:
		return err
	}
	e.Status, e.Header = status, header
	switch {
	case status < 200 || status > 299:
		e.Body = readErrorBody(nc, header, rest)
		return e.because("refused", nil)
	case len(rest) > 0:
		// A WebSocket server does not speak first, and neither does a TLS server.
		return e.because("sent bytes after its response", nil)
	}
	return nil
}

func basicAuth(user *url.Userinfo) string {
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// socks4 asks for a connection. A host name makes it SOCKS4a. There is no
// standard, only the memos SOCKS: A protocol for TCP proxy across firewalls, and
// SOCKS 4A.
func socks4(nc net.Conn, user *url.Userinfo, addr string, e *HandshakeError) error {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	const version, connect = 4, 1
	b := binary.BigEndian.AppendUint16([]byte{version, connect}, uint16(port))
	ip, err := netip.ParseAddr(host)
	name := err != nil
	switch {
	case name:
		b = append(b, 0, 0, 0, 1) // an address that cannot be: the name follows
	case ip.Unmap().Is4():
		b = append(b, ip.Unmap().AsSlice()...)
	default:
		return e.because("SOCKS4 has no IPv6", nil)
	}
	id := user.Username()
	if strings.ContainsRune(id, 0) || strings.ContainsRune(host, 0) {
		return e.because("SOCKS4 cannot express a zero byte", nil)
	}
	b = append(append(b, id...), 0)
	if name {
		b = append(append(b, host...), 0)
	}
	if _, err := nc.Write(b); err != nil {
		return err
	}
	var reply [8]byte
	if _, err := io.ReadFull(nc, reply[:]); err != nil {
		return err
	}
	if reply[0] != 0 {
		return e.because(fmt.Sprintf("answered with version %d, not with a SOCKS4 reply", reply[0]), nil)
	}
	const granted = 90
	if e.Status = int(reply[1]); e.Status == granted {
		return nil
	}
	reason, known := socks4Replies[reply[1]]
	if !known {
		reason = "unknown SOCKS4 reply"
	}
	return e.because(fmt.Sprintf("%s (%d)", reason, reply[1]), nil)
}

var socks4Replies = map[byte]string{
	91: "request rejected or failed",
	92: "request rejected: it cannot reach identd on this host",
	93: "request rejected: identd here reports another user id",
}

// socks5 asks for a connection (RFC 1928, RFC 1929).
func socks5(nc net.Conn, p *url.URL, addr string, e *HandshakeError) error {
	var auth *proxy.Auth
	if p.User != nil {
		password, _ := p.User.Password()
		auth = &proxy.Auth{User: p.User.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", p.Host, auth, nil)
	if err != nil {
		return err
	}
	// DialContext would wrap the connection in a type that cannot end one
	// direction alone.
	over, ok := d.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, addr string) (net.Addr, error)
	})
	if !ok {
		return errors.New("SOCKS5 dialer without DialWithConn")
	}
	// The caller has bound nc to its context, and knows better than the library
	// which of the two ended a call.
	_, err = over.DialWithConn(context.Background(), nc, "tcp", addr)
	return socks5Error(err, e)
}

// socks5Error tells a refusal from a connection that failed: the library has
// words for both and types for the second only.
func socks5Error(err error, e *HandshakeError) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return err
	}
	_, below := errors.AsType[net.Error](op.Err)
	if below || errors.Is(op.Err, io.EOF) || errors.Is(op.Err, io.ErrUnexpectedEOF) || errors.Is(op.Err, io.ErrClosedPipe) {
		return op.Err
	}
	return e.because("refused: "+strings.TrimPrefix(op.Err.Error(), "unknown error "), nil)
}
