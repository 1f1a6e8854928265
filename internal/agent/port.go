package agent

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

const (
	// firstPort is the first that FreePort returns: those below it are the usual ones of
	// programs, and browsers refuse some of them.
	firstPort, lastPort = 15000, 65535
	// portTries is how many ports FreePort tries. Few are in use at a time.
	portTries = 100
)

// given are the ports that FreePort has returned.
var given = struct {
	mu    sync.Mutex // guards ports
	ports map[int]bool
}{ports: map[int]bool{}}

// FreePort returns a TCP port of the loopback interface that nothing uses now. It returns no
// port twice, and none that the system gives to connections and to listeners that ask for any
// port, so that nothing but a program that asks for this port takes it before it is used.
func FreePort() (int, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	low, high := systemPorts()
	for range portTries {
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // it need not be a secret
		if port >= low && port <= high || given.ports[port] || !free(port) {
			continue
		}
		given.ports[port] = true
		return port, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // there is nothing to wait for
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // there is nothing to wait for
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// systemPorts are the first and the last port that the system gives out by itself: what Linux
// says, else those that RFC 6335 §6 sets aside for it.
func systemPorts() (low, high int) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if _, scan := fmt.Sscan(string(text), &low, &high); err != nil || scan != nil {
		return 49152, 65535
	}
	return low, high
}
