package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A client that has read the response of its handshake is in reach of a broadcast.
func TestBroadcastReachesWhoIsConnected(t *testing.T) {
	const clients = 200
	for _, way := range []string{"Serve", "ServeHTTP"} {
		t.Run(way, func(t *testing.T) {
			l := listen(t, "tcp", "127.0.0.1:0")
			s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error { return c.Discard(ctx) }}
			if way == "Serve" {
				go func() { _ = s.Serve(l) }()
			} else {
				h := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
				go func() { _ = h.Serve(l) }()
				t.Cleanup(func() { h.Close() })
			}
			t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
			ctx := within(t, time.Minute)
			missed := make(chan error, clients)
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() {
					c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), nil)
					if err != nil {
						missed <- err
						return
					}
					defer c.CloseNow()
					mine := fmt.Sprint(i)
					if _, err := ws.Broadcast(s.Conns(), ws.MessageText, []byte(mine)); err != nil {
						missed <- err
						return
					}
					// Those of others may come, too; a bound tells that ours did not.
					bound, cancel := context.WithTimeout(ctx, 20*time.Second)
					defer cancel()
					for {
						_, p, err := c.Read(bound)
						if err != nil {
							missed <- fmt.Errorf("client %d: %w", i, err)
							return
						}
						if string(p) == mine {
							return
						}
					}
				})
			}
			wg.Wait()
			close(missed)
			for err := range missed {
				t.Error(err)
			}
		})
	}
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A handler that fails is not silent if there is a logger.
func TestHandlerErrors(t *testing.T) {
	for _, row := range []struct {
		name    string
		handler func(context.Context, *ws.Conn) error
		code    wsproto.StatusCode
		log     []string // none: nothing at Error
	}{
		{"panic", func(context.Context, *ws.Conn) error { panic("oh no") }, 1011, []string{"handler panicked", "oh no", "handler_test.go"}},
		{"a panic to abort", func(context.Context, *ws.Conn) error { panic(http.ErrAbortHandler) }, 1011, nil},
		{"error", func(context.Context, *ws.Conn) error { return errors.New("no database") }, 1011, []string{"handler failed", "no database"}},
		{"none", func(context.Context, *ws.Conn) error { return nil }, 1000, nil},
		{"the end of the connection", func(_ context.Context, c *ws.Conn) error { return c.Close(4000, "") }, 4000, nil},
		{"an error after the end", func(_ context.Context, c *ws.Conn) error { _ = c.Close(4000, ""); return errors.New("late") }, 4000, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lockedBuffer
				old := slog.Default()
				slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
				defer slog.SetDefault(old)
				s := &ws.Server{Handler: row.handler}
				l, served := start(s)
				_, _, err := l.dial(t).Read(context.Background())
				var ce *ws.CloseError
				if !errors.As(err, &ce) || ce.Code != row.code {
					t.Errorf("got error %v, want a close with %d", err, row.code)
				}
				_ = s.Shutdown(context.Background())
				<-served
				for _, want := range row.log {
					if !strings.Contains(log.String(), want) {
						t.Errorf("got log %q, want %q in it", log.String(), want)
					}
				}
				if row.log == nil && log.String() != "" {
					t.Errorf("got log %q, want none", log.String())
				}
			})
		})
	}
}

// Serve does not begin with options that would refuse every client.
func TestServeInvalid(t *testing.T) {
	for _, row := range []struct {
		name string
		opts ws.AcceptOptions
		want string
	}{
		{"subprotocol", ws.AcceptOptions{Subprotocols: []string{"a b"}}, "not a token"},
		{"subprotocol twice", ws.AcceptOptions{Subprotocols: []string{"a", "a"}}, "occurs twice"},
		{"empty origin", ws.AcceptOptions{Origins: []string{""}}, "host is missing"},
		{"origin with a path", ws.AcceptOptions{Origins: []string{"https://example.com/"}}, "without a path"},
		{"origin with a blank", ws.AcceptOptions{Origins: []string{"https://a b"}}, "blanks"},
		{"origin that is not ASCII", ws.AcceptOptions{Origins: []string{"https://ä.example"}}, "xn--"},
		{"nobody may", ws.AcceptOptions{BasicAuth: &ws.BasicAuth{}}, "neither Users nor Check"},
		{"user with a colon", ws.AcceptOptions{BasicAuth: &ws.BasicAuth{Users: map[string]string{"a:b": "c"}}}, "colon"},
		{"password with a control character", ws.AcceptOptions{BasicAuth: &ws.BasicAuth{Users: map[string]string{"a": "c\n"}}}, "control character"},
		{"realm with a line break", ws.AcceptOptions{BasicAuth: &ws.BasicAuth{Realm: "a\nb", Users: map[string]string{"a": "b"}}}, "realm"},
		{"header name", ws.AcceptOptions{Header: http.Header{"a b": {"c"}}}, "not a token"},
		{"header value", ws.AcceptOptions{Header: http.Header{"A": {"b\r\nC: d"}}}, "control characters"},
		{"header of the handshake", ws.AcceptOptions{Header: http.Header{"Sec-WebSocket-Protocol": {"a"}}}, "use Subprotocols"},
		{"window", ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 16}}}}, "not 8..15"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newPipeListener()
			s := &ws.Server{Accept: row.opts}
			err := s.Serve(l)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got error %v, want %q in it", err, row.want)
			}
			if got := row.opts.Validate(); got == nil || got.Error() != err.Error() {
				t.Errorf("got %v from Validate, %v from Serve", got, err)
			}
			if _, ok := l.connect(); ok {
				t.Error("the listener is still open")
			}
		})
	}
}

type roomKey struct{}

// What Check finds out reaches the handler, and so does the request.
func TestCheckReachesHandler(t *testing.T) {
	type found struct{ room, path, user, remote string }
	got := make(chan found, 1)
	s := &ws.Server{
		Accept: ws.AcceptOptions{
			BasicAuth: &ws.BasicAuth{Users: map[string]string{"ada": "l"}},
			Check: func(r *http.Request, _ http.Header) (context.Context, error) {
				return context.WithValue(r.Context(), roomKey{}, "blue"), nil
			},
		},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			h := c.Handshake()
			if h.Request.Context().Value(roomKey{}) != "blue" || h.Request.Context().Err() != nil {
				t.Errorf("got context %v of the request, want one that lives, with the room", h.Request.Context())
			}
			room, _ := ctx.Value(roomKey{}).(string)
			got <- found{room, h.Request.URL.Path + "?" + h.Request.URL.Query().Get("a"), userOf(h.Request), h.Request.RemoteAddr}
			return nil
		},
	}
	direct := listen(t, "tcp", "127.0.0.1:0")
	go func() { _ = s.Serve(direct) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	for way, addr := range map[string]string{"Serve": direct.Addr().String(), "ServeHTTP": web.Listener.Addr().String()} {
		t.Run(way, func(t *testing.T) {
			c, err := ws.Dial(within(t, 10*time.Second), "ws://ada:l@"+addr+"/chat?a=1", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if g, want := <-got, (found{"blue", "/chat?1", "ada", c.NetConn(ws.MessageText).LocalAddr().String()}); g != want {
				t.Errorf("got %+v, want %+v", g, want)
			}
		})
	}
}

// An iterator that panics gives way to other writers, and ends a message that has
// begun together with the connection.
func TestWriteSeqPanics(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprint("begun ", begun), func(t *testing.T) {
			client, server := pair(t, nil, nil)
			go func() { _ = server.Discard(context.Background()) }()
			ctx := within(t, 10*time.Second)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("got no panic")
					}
				}()
				_ = client.WriteSeq(ctx, ws.MessageText, func(yield func([]byte) bool) {
					if begun {
						yield([]byte("a"))
					}
					panic("oh no")
				})
			}()
			err := client.Write(ctx, ws.MessageText, []byte("b"))
			if begun != errors.Is(err, net.ErrClosed) && begun != (err != nil && strings.Contains(err.Error(), "iterator")) || !begun && err != nil {
				t.Errorf("got error %v", err)
			}
			if begun != (client.Err() != nil) {
				t.Errorf("got connection error %v", client.Err())
			}
		})
	}
}

func userOf(r *http.Request) string {
	user, _, _ := r.BasicAuth()
	return user
}
