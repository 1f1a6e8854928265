// Command box is what runs in the containers of the tests of internal/docker.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	switch verb {
	case "env": // NAME
		fmt.Println(os.Getenv(args[0]))
	case "exit": // STATUS
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(code)
	case "write": // FILE TEXT
		return os.WriteFile(args[0], []byte(args[1]), 0o644)
	case "eat": // MEGABYTES
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		all := make([]byte, n<<20)
		for i := range all {
			all[i] = byte(i)
		}
		fmt.Println(all[len(all)-1])
	case "hostile": // FOLDER
		return os.Symlink("/etc/passwd", filepath.Join(args[0], "link"))
	case "serve": // PORT FILE
		return serve(args[0], args[1])
	case "dial": // ADDRESS...
		dial(args)
	case "talk": // until a signal comes
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, "an error")
		fmt.Println("ready")
		fmt.Println("got", <-signals)
		os.Exit(5)
	}
	return nil
}

// dial says of each address whether it can be reached.
func dial(addrs []string) {
	said := make(chan string)
	for _, addr := range addrs {
		go func() {
			conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
			if err != nil {
				said <- "cut off from " + addr
				return
			}
			_ = conn.Close()
			said <- "reached " + addr
		}()
	}
	for range addrs {
		fmt.Println(<-said)
	}
}

// serve answers each HTTP request with the file. It does without net/http, which
// takes ten times as long to build.
func serve(port, file string) error {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		for sc := bufio.NewScanner(conn); sc.Scan() && sc.Text() != ""; {
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(data), data)
		_ = conn.Close()
	}
}
