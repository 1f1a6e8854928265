package ws_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/wsconform/wsconform/ws"
)

// A server that offers HTTP/2 by ALPN, and two WebSockets that share a connection to it.
func ExampleHTTP2() {
	// Only for a certificate, and a client that trusts it.
	certified := httptest.NewTLSServer(nil)
	cert := certified.TLS.Certificates
	trust := certified.Client().Transport.(*http.Transport).TLSClientConfig
	certified.Close()

	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: cert, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		return c.WriteText(ctx, "hello over "+c.Handshake().Request.Proto+" from "+c.RemoteAddr().String())
	}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	pool := &ws.HTTP2{}
	opts := &ws.DialOptions{TLS: trust, HTTP2: pool}
	ctx := context.Background()
	var greetings []string
	for range 2 {
		c, err := ws.Dial(ctx, "wss://"+l.Addr().String(), opts)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, err := c.ReadText(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.Handshake().Proto, c.Handshake().Status)
		greetings = append(greetings, text)
	}
	fmt.Println("one connection:", greetings[0] == greetings[1])
	_ = pool.Close()
	_ = server.Shutdown(ctx)
	<-served
	// Output:
	// HTTP/2.0 200 OK
	// HTTP/2.0 200 OK
	// one connection: true
}
