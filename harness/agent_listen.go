package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNotListening means that nothing listens where the agent should.
var ErrNotListening = errors.New("nothing listens")

// Listening reports whether something listens on the TCP address. For an
// address of this machine the kernel is asked; a connection is tried only for
// others, or where the kernel does not say.
func Listening(ctx context.Context, addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil && loopback(host) {
		if found, known := kernelListens("/proc/net", uint16(n)); known {
			return found
		}
	}
	return connects(ctx, addr)
}

func connects(ctx context.Context, addr string) bool {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	c, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ListeningIn reports whether something listens on the TCP port in the network
// namespace of the process, as the kernel says.
func ListeningIn(pid int, port uint16) bool {
	found, _ := kernelListens(fmt.Sprintf("/proc/%d/net", pid), port)
	return found
}

// kernelListens looks for a listening socket in the tables of the Linux kernel,
// which are in dir.
func kernelListens(dir string, port uint16) (found, known bool) {
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		known = true
		if hasListener(bufio.NewScanner(f), port) {
			found = true
		}
		_ = f.Close()
	}
	return found, known
}

// hasListener reads a table such as
//
//	sl  local_address rem_address   st ...
//	 0: 0100007F:2329 00000000:0000 0A ...
//
// where 0A is LISTEN.
func hasListener(table *bufio.Scanner, port uint16) bool {
	suffix := fmt.Sprintf(":%04X", port)
	for table.Scan() {
		fields := strings.Fields(table.Text())
		if len(fields) > 3 && strings.HasSuffix(fields[1], suffix) && fields[3] == "0A" {
			return true
		}
	}
	return false
}

// FreePort returns a TCP port of the loopback interface that nothing uses now.
// Somebody else may take it before it is used: be ready to try another.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // there is nothing to wait for
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
