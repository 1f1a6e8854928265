package ws

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
)

// dialHTTP3 opens a WebSocket over HTTP/3 (RFC 9220), whose handshake is that of HTTP/2.
func (o *DialOptions) dialHTTP3(ctx context.Context, t target, req *dialRequest) (*Conn, error) {
	if t.url.Scheme != "wss" || t.socket != "" {
		return nil, errors.New("only wss URLs can be dialed over HTTP/3")
	}
	if o.Proxy != nil {
		proxy, err := o.Proxy(&http.Request{Method: http.MethodGet, URL: t.http(), Host: t.url.Host})
		if proxy != nil || err != nil {
			return nil, errors.Join(errors.New("HTTP/3 does not go through a proxy"), err)
		}
	}
	own, fields := o.requestHTTP2(t, req)
	r := new(http.Request).WithContext(ctx)
	r.Method, r.URL, r.Host, r.Header = http.MethodConnect, t.http(), req.host, own.header
	r.Proto, r.ProtoMajor = "websocket", 3
	var st net.Conn
	c, err := o.handshakeStream(ctx, t, own, fields, 3, func() (streamResponse, error) {
		resp, nc, err := o.HTTP3(ctx, r, o.TLS) //nolint:bodyclose // the stream is all there is
		if err != nil {
			return streamResponse{}, ctxError(ctx, err)
		}
		st = nc
		return streamResponse{nc: nc, tls: resp.TLS, status: resp.StatusCode, fields: slices.Clip(appendHTTP2(nil, resp.Header))}, nil
	})
	if err != nil && st != nil {
		_ = st.Close()
	}
	return c, err
}
