package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// An End is one side of a bridge.
type End struct {
	Kind    kind
	Listen  bool     // wait for connections instead of opening one
	URL     string   // of a WebSocket to dial
	Network string   // tcp or unix, of a socket and of what listens
	Address string   // host and port, or the path of a unix socket
	Path    string   // that requests for a listening WebSocket must ask for; empty means any
	Command []string // and its arguments
}

// A kind says what an End is.
type kind uint8

// The kinds of ends.
const (
	Stdio kind = iota
	WebSocket
	Socket
	Command
)

// Parse reads an address:
//
//   - the standard streams
//     ws://host/path                      a WebSocket; also wss, ws+unix and wss+unix
//     tcp://host:port, unix:///path       a socket
//     listen:ws://host:port/path          a WebSocket server; without a path any will do
//     listen:tcp://host:port              a TCP server
//     listen:unix:///path                 a unix socket server
func Parse(s string) (End, error) {
	if s == "-" {
		return End{}, nil
	}
	rest, listen := strings.CutPrefix(s, "listen:")
	u, err := url.Parse(rest)
	if err != nil {
		return End{}, errors.New("malformed address") // there may be a password in it
	}
	e := End{Kind: Socket, Listen: listen, Network: "tcp", Address: u.Host}
	switch u.Scheme {
	case "tcp":
		err = checkHostPort(u)
		if u.Path != "" {
			err = errors.New("tcp has no path")
		}
	case "unix":
		e.Network, e.Address = "unix", u.Path
		if u.Host != "" || u.Path == "" {
			err = errors.New("must look like unix:///path")
		}
	case "ws":
		e.Kind = WebSocket
		if listen {
			e.Path, err = u.Path, checkHostPort(u)
			break
		}
		e.URL = rest
	case "wss", "ws+unix", "wss+unix":
		e.Kind, e.URL = WebSocket, rest
		if listen {
			err = fmt.Errorf("cannot listen for %s", u.Scheme)
		}
	default:
		err = errors.New("must be - or begin with ws, wss, ws+unix, wss+unix, tcp, unix or listen")
	}
	if err != nil {
		return End{}, fmt.Errorf("%s: %w", u.Redacted(), err)
	}
	return e, nil
}

func checkHostPort(u *url.URL) error {
	if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" {
		return errors.New("must have a host and a port, such as 127.0.0.1:9001")
	}
	return nil
}
