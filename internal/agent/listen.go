package agent

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNotListening means that nothing listens where the agent should.
const ErrNotListening = startError("nothing listens")

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

// Listeners identifies the sockets that listen on a TCP address of this machine, as far as
// the kernel tells: a program that is started again has others.
func Listeners(addr string) []string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || !loopback(host) {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	var ids []string
	list, _ := kernelSockets("/proc/net")
	for _, s := range list {
		if s.port == uint16(n) {
			ids = append(ids, s.inode)
		}
	}
	return ids
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
	list, known := kernelSockets(dir)
	return slices.ContainsFunc(list, func(s kernelSocket) bool { return s.port == port }), known
}

// A kernelSocket is a listening one in a table of the kernel.
type kernelSocket struct {
	addr  string // as the table has it, in hex
	port  uint16
	inode string
}

// kernelSockets reads the tables of TCP, such as
//
//	sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
//	 0: 0100007F:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0       0 12345 ...
//
// where 0A is LISTEN. Without tables nothing is known.
func kernelSockets(dir string) (list []kernelSocket, known bool) {
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		known = true
		for table := bufio.NewScanner(f); table.Scan(); {
			fields := strings.Fields(table.Text())
			if len(fields) < 10 || fields[3] != "0A" {
				continue
			}
			addr, port, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil {
				list = append(list, kernelSocket{addr, uint16(n), fields[9]})
			}
		}
		_ = f.Close()
	}
	return list, known
}
