// Command follow prints what a server says, and connects again whenever the connection
// ends. It does what websocket-client's WebSocketApp does with run_forever and
// reconnect.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func follow(ctx context.Context, url string, out io.Writer) error {
	client := ws.Client{
		URL: url,
		Handler: func(ctx context.Context, c *ws.Conn) error {
			fmt.Fprintln(out, "opened")
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "%s\n", m.Data)
			}
			return nil
		},
		Retry: func(err error, _ int, pause time.Duration) time.Duration {
			fmt.Fprintf(out, "closed: %v\n", err)
			return pause
		},
	}
	return client.Run(ctx)
}

func main() {
	url := flag.String("url", "ws://127.0.0.1:9001", "server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := follow(ctx, *url, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}
