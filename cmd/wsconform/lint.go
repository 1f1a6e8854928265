package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/passive"
)

// An offenceList prints offences and counts them.
type offenceList struct {
	w      io.Writer
	counts [2]int
}

func (l *offenceList) take(c *passive.Conn) {
	for _, o := range c.Offences() {
		l.counts[o.By]++
		fmt.Fprintln(l.w, o)
	}
}

// verdict says in a line what was found. The error is for the exit code.
func (l *offenceList) verdict(webSocket, all int) error {
	fmt.Fprintf(l.w, "%s of %s: %s of clients, %s of servers\n", harness.Count(webSocket, "WebSocket connection"), harness.Count(all, "connection"),
		harness.Count(l.counts[passive.Client], "offence"), harness.Count(l.counts[passive.Server], "offence"))
	switch {
	case l.counts[passive.Client]+l.counts[passive.Server] > 0:
		return &codedError{exitFailed, errors.New("the protocol is broken; the lines above say by whom")}
	case webSocket == 0:
		return &codedError{exitIncomplete, errors.New("no WebSocket connection was seen from its beginning, so nothing was checked")}
	}
	return nil
}

func lintCommand() *cobra.Command {
	keyLog := ""
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Check the WebSocket connections in a capture or a browser's archive",
		Long: `Reads captures of packets (pcap, pcapng) and browsers' HTTP archives (.har), and lists
the rules that clients and servers break, each with the section of its RFC.

Connections must begin in the capture. TLS 1.2 and 1.3 are decrypted with the key log that
clients such as browsers and curl write to the file in SSLKEYLOGFILE, given with --key-log
or embedded in a pcapng. Of TLS 1.2 the cipher suites with CBC are not decrypted, and older
TLS is not either. A capture of any size is read in bounded memory.
An archive has messages in place of frames, so only handshakes, opcodes and the order of
messages are checked.

Exit codes: 0 nothing is wrong, 1 a rule is broken, 2 usage error or no such file,
4 there is no WebSocket connection to check.`,
		Example: `  wsconform lint traffic.pcapng
  wsconform lint traffic.pcap --key-log keys.txt
  wsconform lint page.har`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			list := &offenceList{w: c.OutOrStdout()}
			webSocket, all := 0, 0
			keys, err := readKeyLog(keyLog)
			if err != nil {
				return &codedError{exitUsage, fmt.Errorf("--key-log: %w", err)}
			}
			for _, name := range files {
				sum, err := lintFile(c.Context(), name, keys, list.take)
				if c.Context().Err() != nil {
					return c.Context().Err()
				}
				if err != nil {
					return &codedError{exitUsage, fmt.Errorf("%s: %w", name, err)}
				}
				webSocket, all = webSocket+sum.WebSocket, all+sum.Connections
				for _, b := range sum.Blind {
					fmt.Fprintln(c.ErrOrStderr(), "not read to its end: "+b)
				}
				for _, why := range slices.Sorted(maps.Keys(sum.Locked)) {
					fmt.Fprintf(c.ErrOrStderr(), "%s in TLS not decrypted: %s\n", harness.Count(sum.Locked[why], "connection"), why)
				}
			}
			return list.verdict(webSocket, all)
		},
	}
	c.Flags().StringVar(&keyLog, "key-log", "", "decrypt TLS 1.2 and 1.3 with the secrets in `FILE`, as SSLKEYLOGFILE gets them")
	return c
}

// readKeyLog reads the secrets of a file; none without a name.
func readKeyLog(name string) (*passive.Keys, error) {
	keys := &passive.Keys{}
	if name == "" {
		return keys, nil
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return keys, keys.Read(f)
}

// lintFile reads one file, by its content.
func lintFile(ctx context.Context, name string, keys *passive.Keys, done func(*passive.Conn)) (passive.Summary, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return passive.Summary{}, errors.Unwrap(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	start, _ := r.Peek(16) // what is too short shows below
	if strings.HasPrefix(strings.TrimLeft(string(start), "\ufeff \t\r\n"), "{") {
		return passive.Archive(r, done)
	}
	return passive.Capture(ctx, r, keys, done)
}

func recordCommand() *cobra.Command {
	var listen, to, file string
	c := &cobra.Command{
		Use:   "record --listen ADDRESS --to ADDRESS",
		Short: "Stand between a client and a server, and list what each does wrong",
		Long: `Listens on one address and forwards each connection to another, byte for byte, until it is
interrupted. When a connection ends, it lists the rules that client and server broke, each
with the section of its RFC. With --output it also writes the connections to a capture,
which wsconform lint and programs such as Wireshark read.

The capture holds all that was sent, passwords too: do not publish it.

When it is interrupted, its exit code is that of wsconform lint.`,
		Example: `  wsconform record --listen 127.0.0.1:8080 --to 127.0.0.1:9001
  wsconform record --listen 127.0.0.1:8080 --to 127.0.0.1:9001 --output traffic.pcap`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return record(c, listen, to, file) },
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", "127.0.0.1:0", "listen on this `ADDRESS`")
	f.StringVar(&to, "to", "", "forward to this `ADDRESS`")
	f.StringVarP(&file, "output", "o", "", "write a capture to `FILE`")
	return c
}

func record(c *cobra.Command, listen, to, file string) error {
	if _, _, err := net.SplitHostPort(to); err != nil {
		return usagef("--to %q: must be a host and a port, such as 127.0.0.1:9001", to)
	}
	l, err := new(net.ListenConfig).Listen(c.Context(), "tcp", listen)
	if err != nil {
		return listenError("record", "--listen "+listen, err)
	}
	list := &offenceList{w: c.OutOrStdout()}
	webSocket, all := 0, 0
	r := &passive.Recorder{To: to, Done: func(conn *passive.Conn) {
		all++
		if conn.IsWebSocket() {
			webSocket++
		}
		list.take(conn)
	}}
	if file != "" {
		out, err := os.Create(filepath.Clean(file))
		if err != nil {
			return errors.Join(&codedError{exitUsage, err}, l.Close())
		}
		buffered := bufio.NewWriter(out)
		r.Capture = buffered
		defer func() { _ = errors.Join(buffered.Flush(), out.Close()) }()
	}
	fmt.Fprintln(c.OutOrStdout(), "listening on "+l.Addr().String())
	if err := r.Serve(c.Context(), l); err != nil {
		return err
	}
	return list.verdict(webSocket, all)
}
