// Command ticker sends the time every second, prints what comes back, and closes in
// order when it is interrupted. It does what gorilla's echo client example does.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func run(ctx context.Context, url string, every time.Duration, out io.Writer) error {
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	printed := make(chan struct{})
	defer func() { _ = c.CloseNow(); <-printed }()
	go func() {
		defer close(printed)
		for m, err := range c.Messages(ctx) {
			if err == nil {
				fmt.Fprintf(out, "%s\n", m.Data)
			}
		}
	}()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case t := <-tick.C:
			// Not ctx: its end closes in order, below, and does not cut a message.
			if err := c.WriteText(context.Background(), t.String()); err != nil {
				return err
			}
		case <-c.Done():
			return c.Err()
		case <-ctx.Done():
			return c.Close(ws.StatusNormalClosure, "")
		}
	}
}

func main() {
	url := flag.String("url", "ws://127.0.0.1:9001", "server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *url, time.Second, os.Stdout)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}
