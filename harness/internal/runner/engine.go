package runner

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/internal/runfile"
)

// An Engine plays cases against agents.
type Engine interface {
	// About is what a run file's header says of the engine.
	About() runfile.Engine
	// Server plays the cases against a server, and hands each result to emit, one at a
	// time. A case may have several results; the last counts. An error means that nothing
	// was tested, that the server is not fit for more cases (a *[harness.UntestableError]),
	// or that ctx ended.
	Server(ctx context.Context, s Subject, emit func(harness.Result)) error
	// Client starts the command of a client, as often as needed, and plays the cases, as
	// Server does.
	Client(ctx context.Context, s Subject, emit func(harness.Result)) error
	// Close frees what the engine holds. Nothing is played at that time or later.
	Close() error
}

// A Setup is what an engine may need to get ready. The zero Setup suits all of them.
type Setup struct {
	Version  string            // of this program
	Image    string            // for an engine in a container; "" is the one that it provides itself
	Network  string            // of that container; "" leaves it to the engine
	Progress func(line string) // is told what takes long; nil ignores it
}

// A Subject is the agent that an engine tests, the cases, and how to play them.
type Subject struct {
	Name  string // of the agent
	Cases []cases.Case
	Options
	Route         // to a server
	Driver Driver // of a client
	// OneShot says that the client connects once for each start of its command.
	OneShot bool
	// Faithful waits as long as Autobahn does, wherever it does.
	Faithful bool
	// Originals are Autobahn's own payloads; without them, similar ones are used.
	Originals corpora.Set
	// Patience is how long the engine may take to start, and a server that somebody else
	// starts to listen. Zero leaves it to the engine.
	Patience time.Duration
	// Reports is the folder for reports of the engine's own; "" means none.
	Reports string
	// Secrets masks what it knows in those reports; nil masks nothing.
	Secrets *runfile.Secrets
}

// A Route says how to reach a server under test.
type Route struct {
	URL          *url.URL    // ws or wss; of a [agent.Service], its own one counts
	Socket       string      // path of the unix socket to connect to instead of the URL's host
	Header       http.Header // added to the request; Host replaces the one of the URL
	Subprotocols []string
	TLS          *tls.Config // nil means the defaults
	// NetDial opens the connections to the server, below TLS, such as through a proxy. Nil
	// means a net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	HTTP2   bool // over HTTP/2: see [native.Target]
	HTTP3   bool // over HTTP/3
}

// Address returns where the server is now.
func (s *Subject) Address() *url.URL {
	if s.Service != nil {
		return s.Service.URL
	}
	return s.URL
}
