package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// echoServer is a server on a loopback port, and how to stop it.
func echoServer(accept ws.AcceptOptions) (url string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &ws.Server{Accept: accept}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return "ws://" + l.Addr().String(), func() {
		_ = s.Shutdown(context.Background())
		<-served
	}
}

func ExampleDial() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()

	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.Write(ctx, ws.MessageText, []byte("hello"))
	typ, p, err := c.Read(ctx)
	fmt.Println(typ, string(p), err)
	fmt.Println(c.Close(ws.StatusNormalClosure, "done"))
	// Output:
	// text hello <nil>
	// <nil>
}

func ExampleAccept() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"chat"}})
		if err != nil {
			return // it has been answered
		}
		_ = c.Write(r.Context(), ws.MessageText, []byte("you speak "+c.Subprotocol()))
		_ = c.Close(ws.StatusNormalClosure, "that was all")
	}))
	defer srv.Close()

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), &ws.DialOptions{Subprotocols: []string{"chat"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, p, _ := c.Read(ctx)
	fmt.Println(string(p))
	_, _, err = c.Read(ctx)
	var ce *ws.CloseError
	fmt.Println(errors.As(err, &ce), ce.Code, ce.Reason)
	// Output:
	// you speak chat
	// true 1000 (normal closure) that was all
}

func ExampleConn_Writer() {
	url, stop := echoServer(ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	defer stop()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	w, _ := c.Writer(ctx, ws.MessageText)
	for i := range 3 {
		fmt.Fprintf(w, "part %d;", i)
	}
	_ = w.Close()
	_, r, _ := c.Reader(ctx)
	p, err := io.ReadAll(r)
	fmt.Println(string(p), err)
	// Output: part 0;part 1;part 2; <nil>
}

func ExampleConn_Ping() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	latency, err := c.Ping(ctx)
	fmt.Println(latency > 0, err)
	// Output: true <nil>
}

func ExampleServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		_ = c.Write(ctx, ws.MessageText, []byte("welcome"))
		_ = c.Discard(ctx)
		return nil
	}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, p, _ := c.Read(ctx)
	fmt.Println(string(p))
	go func() { _ = s.Shutdown(ctx) }()
	_, _, err = c.Read(ctx)
	fmt.Println(err)
	fmt.Println(<-served)
	// Output:
	// welcome
	// ws: peer closed with 1001 (going away)
	// http: Server closed
}

func ExampleAppendFrame() {
	// A ping that is too long and fragmented: nothing stops it.
	b := wsproto.AppendFrame(nil, wsproto.Frame{
		Header:  wsproto.Header{Opcode: wsproto.OpPing},
		Payload: make([]byte, 126),
	})
	h, n, _ := wsproto.ParseHeader(b)
	fmt.Println(h.Opcode, h.Length, n)
	fmt.Println(wsproto.CheckHeader(h, wsproto.State{}))
	// Output:
	// ping 126 4
	// ws: ping frame is fragmented (RFC 6455 §5.5)
}
