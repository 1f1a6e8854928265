package ws_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/wsconform/wsconform/ws"
)

// A server that sends what one client says to all of them, a client that talks to it
// once, and one that keeps a connection.
func Example() {
	s := &ws.Server{}
	s.Handler = func(ctx context.Context, c *ws.Conn) error {
		for {
			text, err := c.ReadText(ctx)
			if err != nil {
				return err
			}
			if _, err := ws.Broadcast(s.Conns(), ws.MessageText, []byte(text)); err != nil {
				return err
			}
		}
	}
	srv := httptest.NewServer(s)
	defer srv.Close()
	url := strings.Replace(srv.URL, "http", "ws", 1)
	ctx := context.Background()

	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.WriteText(ctx, "hello")
	text, err := c.ReadText(ctx)
	fmt.Println(text, err)
	fmt.Println(c.Close(ws.StatusNormalClosure, ""))

	client := &ws.Client{URL: url, Handler: func(ctx context.Context, c *ws.Conn) error {
		_ = c.WriteText(ctx, "hello again")
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err // Run connects again
			}
			fmt.Println(string(m.Data))
			return ws.ErrStop
		}
		return nil // also after an orderly end
	}}
	fmt.Println(client.Run(ctx))
	// Output:
	// hello <nil>
	// <nil>
	// hello again
	// <nil>
}

// JSON in and out.
func ExampleConn_ReadJSON() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.WriteJSON(ctx, map[string]int{"x": 1})
	var got struct{ X int }
	fmt.Println(c.ReadJSON(ctx, &got), got.X)
	// Output: <nil> 1
}
