// Package runner decides which case is played when, and what is done about chance,
// crashes and hangs. It is the same for every engine, and for comparisons.
//
// Start reading at [TestServer] (server.go) and [TestClient] (client.go). An engine is
// reached through [Server] and [Endpoint], which play cases and know nothing of others
// beside them.
//
// A run against a server greets it (contact.go), plays the cases, and retries verdicts
// that chance may have decided (retry.go, pending.go; monitor.go tells whether the machine
// was busy). A server that ends or hangs is started again, and the case that did it is
// found (crash.go, hang.go). A run against a client shares the cases out to workers, each
// a sequence of sessions (session.go), and finds the case at which a driver crashed
// (blame.go).
package runner

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Options are the settings of a run.
type Options struct {
	// Parallel is how many cases, or workers of a client, run at once. 0 means as many as
	// the server was seen to serve, or two workers.
	Parallel int
	// Declared is what the peer offers that trying does not tell; a case that needs more
	// is unsupported.
	Declared []cases.Need
	// NoEcho says that the peer does not echo: pings take the place of messages, and the
	// cases that need an echo are unsupported.
	NoEcho bool
	// Try finds out which control messages a server obeys, and the kinds of message at
	// which one that does not echo ends the connection. Nil does not try.
	Try func(ctx context.Context) (control, refuses []string)
	// Control asks a client too which control messages it obeys, even if no case needs one.
	Control bool
	// Peer is told what the peer does before a case is played. Nil ignores it.
	Peer func(harness.Peer)
	// Service is the server under test if we have started it: it is started again when it
	// ends by itself or hangs. Nil is a server that somebody else has started; when that is
	// gone the run ends.
	Service *agent.Service
	// Every plays each case even if the server has stopped answering opening handshakes,
	// where else the rest is not run. It then has a second for each of
	// them, and 200 ms later on.
	Every bool
	// AnyPeer plays the cases also if the server does not echo. Otherwise that is an error,
	// as nearly all of them need an echo.
	AnyPeer bool
	// Repeats is how often a verdict that is not the best is played again at most, even if
	// nothing but the runs beside this one may have spoilt it. 0 means not at all.
	Repeats int
	// Original says that the engine plays a case in one way only, so that a retry cannot
	// give the peer more time.
	Original bool
	// Provisional is told of results that may change when they are first known: chance may
	// have decided them, or the server may be gone. Emit gets the final ones. Nil ignores it.
	Provisional func(harness.Result)
	// Started is told that a case begins, by any number of goroutines at once. A case that
	// is retried begins several times. Nil ignores it.
	Started func(c cases.Case)
}

// Shared is what both kinds of peer need from an engine.
type Shared interface {
	// Expect and Finished say which cases a run needs, so that an engine can drop what it
	// has prepared for them.
	Expect(list []cases.Case)
	Finished(c cases.Case)
	// Parts splits a list into the parts that the engine plays at a time. It returns at
	// least one part for a list that is not empty.
	Parts(list []cases.Case) [][]cases.Case
}

// A Server is a server under test, as an engine reaches it. Its methods may be called from
// several goroutines, except Move.
type Server interface {
	Shared
	// String is where the server is, for messages.
	String() string
	// Move says that the server was started again, and where.
	Move(u *url.URL)
	// Play plays the cases of a part one after another, and hands on the results. The
	// server may end or hang, or refuse a connection: then the cases that Play did not get
	// to have no result. The error is the engine's failure, and ends the run.
	Play(ctx context.Context, part []cases.Case, how How, emit func(harness.Result)) error
	// Echo asks for a plain echo. The error is that of connecting.
	Echo(ctx context.Context) (echoes bool, t transcript.Transcript, err error)
	// Concurrent reports whether the server serves a second connection beside a first one.
	// Both have ended when it returns.
	Concurrent(ctx context.Context) bool
	// Diagnose finds out what a server does in place of an echo.
	Diagnose(ctx context.Context) (*Diagnosis, error)
}

// How says how a case is played.
type How struct {
	// Brief permits to shorten the pauses of a fail-fast case: it is retried if [Hurried]
	// says so.
	Brief bool
	// OpenTimeout limits the opening handshake with a server that has not answered others. 0
	// is no limit of the run.
	OpenTimeout time.Duration
	Monitor     *Monitor // is told when the peer sends
	// Started is told that a case begins. Nil ignores it.
	Started func(c cases.Case)
	// Stop ends the server, so that a case that waits for it comes to an end. The case
	// gets the outcome timeout. Nil if the server is not ours to stop.
	Stop func()
}

// An Endpoint serves cases to clients, by Autobahn's driver protocol.
type Endpoint interface {
	Shared
	// Serve offers the list to the driver, until ctx ends. The cause of ctx is [ErrEnded]
	// when the driver has gone. The error is the engine's failure.
	Serve(ctx context.Context, d Driver, list []cases.Case, on Events) error
	// Late reports whether results come only when ctx has ended.
	Late() bool
}

// ErrEnded is why an [Endpoint] is to stop: there is no driver any more.
var ErrEnded = errors.New("the driver has ended")

// Events are what an [Endpoint] tells, and How it plays.
type Events struct {
	How
	Ready   func(url string) // the driver can connect; called once
	Started func(agent string, c cases.Case)
	Result  func(agent string, r harness.Result) // one at a time
	Update  func(agent string) error             // reports are asked for, and answered when it returns
}

// Pauses of fail-fast cases (6.4), unless the run waits as long as the original.
const (
	// ShortPause replaces the first pause, which proves that the peer stays open after a
	// valid prefix, and the second if [How] permits it.
	ShortPause = 500 * time.Millisecond
	// BriefPause replaces the first pause if How permits it.
	BriefPause = 100 * time.Millisecond
)

// A Diagnosis says what a server does in place of echoing a message.
type Diagnosis struct {
	Echoes  bool   // it does echo, and nothing is wrong
	Refused bool   // it turned the handshake down, which may be different the next time
	Text    string // what it does instead, and what to do
}
