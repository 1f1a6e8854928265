package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// flawed is an echo server whose process misbehaves, for the scripts. The flags
// say how; messages are told apart by their length in bytes.
func flawed(args []string) int {
	f := flag.NewFlagSet("flawed", flag.ContinueOnError)
	addr := f.String("addr", "", "where to listen")
	crash := f.Int("crash", -1, "end with status 3 when a text message of this length comes")
	over := f.Int("crash-over", 1<<30, "crash at any longer message")
	late := f.Bool("late", false, "crash after the connection has ended in good order")
	hang := f.Int("hang", -1, "never answer when a text message of this length comes")
	freeze := f.Int("freeze", -1, "stop answering when a text message of this length comes")
	noise := f.Int("noise", 0, "print so many bytes to the standard error at each connection")
	daemon := f.Bool("daemon", false, "have a child in a session of its own that outlives this process")
	gossip := f.Bool("gossip", false, "answer a text message of 125 bytes or more with all that the request said, and print that")
	f.String("token", "", "pass over this")
	refuse := f.Int("refuse", 0, "answer opening handshakes with this status")
	mute := f.Bool("mute", false, "echo nothing")
	muteFirst := f.Bool("mute-first", false, "echo nothing on the first connection")
	deaf := f.Bool("deaf", false, "do not listen")
	stubborn := f.Bool("stubborn", false, "pass over SIGTERM")
	if err := f.Parse(args); err != nil {
		return 2
	}
	if *daemon {
		child := exec.Command("sleep", "600")
		child.SysProcAttr = ownSession
		if err := child.Start(); err != nil {
			return 2
		}
		fmt.Printf("daemon %d\n", child.Process.Pid)
	}
	if *stubborn {
		ignoreTerm()
	}
	if *deaf {
		time.Sleep(10 * time.Minute)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	end := func() {
		fmt.Fprintln(os.Stderr, "panic: the flaw")
		os.Exit(3)
	}
	// Deadlocked, it takes connections and answers none.
	var lock sync.Mutex
	var connections atomic.Int32
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		silent := *mute || *muteFirst && connections.Add(1) == 1
		fmt.Fprint(os.Stderr, strings.Repeat(strings.Repeat("x", 99)+"\n", *noise/100))
		struck := false
		for {
			typ, msg, err := c.Read(ctx)
			if err != nil {
				if struck {
					end()
				}
				return err
			}
			if typ == ws.MessageText && len(msg) == *crash || len(msg) > *over {
				if !*late {
					end()
				}
				struck = true
			}
			if *gossip && len(msg) >= 125 {
				r := c.Handshake().Request
				fmt.Fprintf(os.Stderr, "GET %s %v\n", r.URL, r.Header)
				_ = c.Write(ctx, ws.MessageText, fmt.Appendf(nil, "%s %v", r.URL, r.Header))
				return c.Close(ws.StatusPolicyViolation, "do not know "+r.Header.Get("X-Api-Key"))
			}
			lock.Lock()
			if typ == ws.MessageText && len(msg) == *freeze {
				select {}
			}
			lock.Unlock()
			if typ == ws.MessageText && len(msg) == *hang {
				<-ctx.Done()
				return nil
			}
			if !silent {
				if err := c.Write(ctx, typ, msg); err != nil {
					return err
				}
			}
		}
	}}
	server.Accept.Check = func(_ *http.Request, _ http.Header) (context.Context, error) {
		lock.Lock()
		defer lock.Unlock()
		if *refuse != 0 {
			return nil, &ws.RejectError{Status: *refuse, Body: []byte("no, thank you\n")}
		}
		return nil, nil
	}
	_ = server.Serve(l)
	return 0
}
