package transcript

import "fmt"

// A Role says what is under test: an end of the connection, or what stands between
// both.
type Role uint8

// The roles of a peer under test.
const (
	Server  Role = iota // the peer accepts; the harness dials and masks its frames
	Client              // the peer dials; the harness accepts and masks nothing
	Gateway             // the harness is at both ends. No transcript has this role
)

func (r Role) String() string { return [...]string{"server", "client", "gateway"}[r] }

// MarshalText writes the role as "server", "client" or "gateway".
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes; anything else is an error.
func (r *Role) UnmarshalText(text []byte) error {
	switch string(text) {
	case "server":
		*r = Server
	case "client":
		*r = Client
	case "gateway":
		*r = Gateway
	default:
		return fmt.Errorf("unknown role %q: want server, client or gateway", text)
	}
	return nil
}
