package ws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A unix socket instead of TCP. For TLS wrap the listener in tls.NewListener.
func ExampleServer_Serve() {
	dir, err := os.MkdirTemp("", "ws")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "chat.sock"))
	if err != nil {
		fmt.Println(err)
		return
	}
	var s ws.Server // which echoes
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws+unix://"+l.Addr().String()+":/room", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.Write(ctx, ws.MessageText, []byte("hello"))
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	_ = c.Close(ws.StatusNormalClosure, "")
	fmt.Println(s.Shutdown(ctx), <-served)
	// Output:
	// hello <nil>
	// <nil> http: Server closed
}

// A Server beside other pages, in any mux. It has to be shut down as well.
func ExampleServer_ServeHTTP() {
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		_ = c.Write(ctx, ws.MessageText, []byte("you asked for "+c.Handshake().Request.RequestURI))
		return nil
	}}
	mux := http.NewServeMux()
	mux.Handle("/chat/", s)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a page") })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	defer s.Shutdown(context.Background())

	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/chat/blue", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, p, _ := c.Read(ctx)
	fmt.Println(string(p))
	_, _, err = c.Read(ctx)
	fmt.Println(err)
	// Output:
	// you asked for /chat/blue
	// ws: peer closed with 1000 (normal closure)
}

type userKey struct{}

// Who may connect, and what else the server has to say.
func ExampleAcceptOptions() {
	url, stop := echoServer(ws.AcceptOptions{
		Intercept: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				_, _ = io.WriteString(w, "fine")
			}
		},
		Origins:   []string{"https://*.example.com"},
		BasicAuth: &ws.BasicAuth{Realm: "chat", Users: map[string]string{"ada": "lovelace"}},
		SelectSubprotocol: func(_ *http.Request, offered []string) (string, error) {
			if !slices.Contains(offered, "chat.v2") {
				return "", &ws.RejectError{Status: http.StatusBadRequest, Body: []byte("chat.v2 is needed")}
			}
			return "chat.v2", nil
		},
		Check: func(r *http.Request, response http.Header) (context.Context, error) {
			user, _, _ := r.BasicAuth()
			response.Set("X-Welcome", user)
			return context.WithValue(r.Context(), userKey{}, user), nil // for the Handler
		},
		Header: http.Header{"Server": {"example"}},
	})
	defer stop()

	resp, err := http.Get("http" + strings.TrimPrefix(url, "ws") + "/health")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode, string(body))

	ctx := context.Background()
	dial := func(user, origin, subprotocol string) {
		c, err := ws.Dial(ctx, strings.Replace(url, "://", "://"+user+"@", 1), &ws.DialOptions{
			Header: http.Header{"Origin": {origin}}, Subprotocols: []string{subprotocol},
		})
		if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
			fmt.Println(he.Status)
			return
		}
		fmt.Println(c.Subprotocol(), c.Handshake().Header.Get("X-Welcome"))
		_ = c.CloseNow()
	}
	dial("ada:lovelace", "https://www.example.com", "chat.v2")
	dial("ada:lovelace", "https://evil.example", "chat.v2")
	dial("ada:byron", "https://www.example.com", "chat.v2")
	dial("ada:lovelace", "https://www.example.com", "chat.v1")
	// Output:
	// 200 fine
	// chat.v2 ada
	// 403
	// 401
	// 400
}

// Compression that keeps little memory for each connection.
func ExampleDeflate() {
	url, stop := echoServer(ws.AcceptOptions{
		Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 10, ServerNoContextTakeover: true}, Threshold: 256}},
	})
	defer stop()
	c, err := ws.Dial(context.Background(), url, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	fmt.Println(c.Handshake().Header.Get("Sec-WebSocket-Extensions"))
	// Output: permessage-deflate; server_no_context_takeover; server_max_window_bits=10
}

// The limits of a server, each with its default.
func ExampleServer_limits() {
	s := &ws.Server{
		MaxConns:      10_000, // any number
		MaxHandshakes: 1024,
		Accept: ws.AcceptOptions{
			MaxHeaderBytes:  16 << 10,
			MaxHeaderFields: 128,
			Options: ws.Options{
				ReadLimit:        32 << 20,
				QueueLimit:       64,
				HandshakeTimeout: 10 * time.Second,
				WriteTimeout:     20 * time.Second,
				CloseTimeout:     10 * time.Second,
				PingInterval:     20 * time.Second, PingTimeout: 20 * time.Second,
			},
		},
	}
	fmt.Println(s.Close())
	// Output: <nil>
}

func ExampleBroadcast() {
	joined := make(chan struct{})
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		joined <- struct{}{}
		_ = c.Discard(ctx)
		return nil
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()

	ctx := context.Background()
	var members []*ws.Conn
	for range 3 {
		c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.CloseNow()
		members = append(members, c)
		<-joined
	}
	missed, err := ws.Broadcast(s.Conns(), ws.MessageText, []byte("hello, all"))
	fmt.Println(len(missed), err)
	for _, c := range members {
		_, p, err := c.Read(ctx)
		fmt.Println(string(p), err)
	}
	_ = s.Close()
	<-served
	// Output:
	// 0 <nil>
	// hello, all <nil>
	// hello, all <nil>
	// hello, all <nil>
}

// Shutdown says 1001 to open connections and waits for their handlers, for as long
// as its context allows.
func ExampleServer_Shutdown() {
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		_ = c.Discard(ctx)
		_, received := c.CloseFrames()
		fmt.Println("handler is done; the peer said", received.Code)
		return nil
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := ws.Dial(context.Background(), "ws://"+l.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Discard(context.Background()) }()
	_ = c.Write(context.Background(), ws.MessageText, []byte("hello"))
	_, _ = c.Ping(context.Background()) // the handler is at work

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(s.Shutdown(ctx))
	fmt.Println(<-ended)
	<-served
	// Output:
	// handler is done; the peer said 1001 (going away)
	// <nil>
	// ws: peer closed with 1001 (going away)
}

// Pings of our own, with what they tell.
func ExampleOptions_pings() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	pong := make(chan struct{}, 1)
	c, err := ws.Dial(context.Background(), url, &ws.DialOptions{Options: ws.Options{
		PingInterval: 10 * time.Millisecond,
		PingTimeout:  5 * time.Second,
		OnFrame: func(_ *ws.Conn, _ bool, f wsproto.Frame) {
			if f.Opcode != wsproto.OpPong {
				return
			}
			select {
			case pong <- struct{}{}:
			default:
			}
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	go func() { _ = c.Discard(context.Background()) }()
	<-pong
	fmt.Println(c.Latency() > 0)
	// Output: true
}

// A message whose pieces come one after the other.
func ExampleConn_WriteSeq() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	err = c.WriteSeq(ctx, ws.MessageText, func(yield func([]byte) bool) {
		for i := range 3 {
			if !yield(fmt.Appendf(nil, "line %d\n", i)) {
				return
			}
		}
	})
	fmt.Println(err)
	_, p, _ := c.Read(ctx)
	fmt.Print(string(p))
	// Output:
	// <nil>
	// line 0
	// line 1
	// line 2
}

// Many connections that mostly wait: a buffer is taken when
// something has arrived.
func ExampleConn_Wait() {
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		for c.Wait(ctx) == nil {
			buf := buffers.Get().(*[]byte)
			typ, p, err := c.ReadAppend(ctx, (*buf)[:0])
			if err != nil {
				return err
			}
			_ = c.Write(ctx, typ, p)
			*buf = p
			buffers.Put(buf)
		}
		return nil
	}}
	web := httptest.NewServer(s)
	defer web.Close()
	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(web.URL, "http"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.Write(ctx, ws.MessageText, []byte("hello"))
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	_ = c.Close(ws.StatusNormalClosure, "")
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// hello <nil>
	// <nil>
}
