package compare

import (
	"fmt"
	"net"
	"time"

	"github.com/wsconform/wsconform/internal/agent"
)

// startPatience is how long an agent may take to listen.
const startPatience = 30 * time.Second

// enginePatience is how long an engine may take to start, as one in a container on a busy
// machine.
const enginePatience = 2 * time.Minute

// freeAddr is an address on the loopback interface that nothing uses now.
func freeAddr() (host, port string, err error) {
	n, err := agent.FreePort()
	if err != nil {
		return "", "", err
	}
	return "127.0.0.1", fmt.Sprint(n), nil
}

func hostPort(host, port string) string { return net.JoinHostPort(host, port) }
