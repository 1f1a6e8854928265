package agent

import (
	"net"
	"testing"
)

// A port is free, is given once, and is none that the system gives to somebody else while
// nothing listens there yet.
func TestFreePort(t *testing.T) {
	low, high := systemPorts()
	if low <= firstPort && high >= lastPort {
		t.Skip("the system gives all ports out by itself")
	}
	seen := map[int]bool{}
	for range 200 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if port >= low && port <= high {
			t.Errorf("port %d is of those that the system gives out, %d to %d", port, low, high)
		}
		if seen[port] {
			t.Errorf("port %d is given twice", port)
		}
		seen[port] = true
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if free(l.Addr().(*net.TCPAddr).Port) {
		t.Error("a port on which somebody listens is free")
	}
}
