package h3_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"

	"github.com/quic-go/quic-go/http3"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// A server on UDP, and a client that trusts it.
func Example() {
	serverTLS, clientTLS := pair() // a certificate for 127.0.0.1
	pc, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pc.Close()
	server := &h3.Server{WebSocket: &ws.Server{}, TLS: serverTLS} // which echoes
	go server.Serve(pc)
	defer server.Close()

	client := &h3.Client{}
	defer client.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, "wss://"+pc.LocalAddr().String(), &ws.DialOptions{TLS: clientTLS})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(ws.StatusNormalClosure, "")
	if err := c.Write(ctx, ws.MessageText, []byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	_, p, err := c.Read(ctx)
	fmt.Println(c.Handshake().Proto, string(p), err)
	// Output: HTTP/3.0 hello <nil>
}

// An http3.Server of your own has WebSockets beside its pages.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/chat", h3.Handler(&ws.Server{}))
	server := &http3.Server{Addr: ":443", Handler: mux, TLSConfig: http3.ConfigureTLSConfig(&tls.Config{})}
	defer server.Close()
	fmt.Println("wss://example.com/chat")
	// Output: wss://example.com/chat
}

// A ws.Client dials over HTTP/3, again and again, if it is given the Open of a Client.
func ExampleClient_Open() {
	over := &h3.Client{}
	defer over.Close()
	opts := &ws.DialOptions{HTTP3: over.Open}
	_, err := ws.Dial(context.Background(), "ws://example.com", opts)
	fmt.Println(err)
	// Output: ws: dial ws://example.com: only wss URLs can be dialed over HTTP/3
}
