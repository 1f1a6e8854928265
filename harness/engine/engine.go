// Package engine is how programs reach the engines that play cases.
//
// [Kinds] is the table of them. A row opens an [Engine], which plays the cases of a
// [Subject]: the native engine by itself, Autobahn in a container. To add one, add a folder
// to harness/internal and a row to the table.
//
// Beyond that, [TestServer], [TestClient] and [TestOneShot] give all that the native engine
// has to say of a peer, and [EnsureImage] and [Import] deal with Autobahn's image and
// reports. What decides which case is played when stands in harness/internal/runner.
package engine

import (
	"context"
	"crypto/tls"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/harness/internal/runner"
)

type (
	// A Target is the server under test and how to reach it.
	Target = native.Target
	// A Driver is a client under test: a command that is told a URL.
	Driver = runner.Driver
	// Options are the settings of a run by the native engine.
	Options = native.Options
	// RunOptions are the part of [Options] that does not depend on the engine.
	RunOptions = runner.Options
	// A ServerReport says how a run of [TestServer] went, beyond its results.
	ServerReport = runner.Report
	// A ClientReport says how a run of [TestClient] went, beyond its results.
	ClientReport = runner.ClientReport
	// A Gateway is something between our client and our origin.
	Gateway = native.Gateway
	// A Passage is a server, and the way to it through a gateway.
	Passage = native.Passage
	// An Endpoint is the server that clients under test connect to.
	Endpoint = native.Endpoint
)

// TestServer plays the cases against a server and hands each result to emit, one at a
// time. If a case is handed over twice, the last result counts. An error means that
// nothing was tested, that the server ended too often (a *[harness.UntestableError]), or
// that ctx ended.
func TestServer(ctx context.Context, target Target, list []cases.Case, o Options, emit func(harness.Result)) (ServerReport, error) {
	return native.TestServer(ctx, target, list, o, emit)
}

// TestClient starts a client, as often as needed, to play the cases. Results and errors
// are as in [TestServer].
func TestClient(ctx context.Context, d Driver, list []cases.Case, o Options, emit func(harness.Result)) (ClientReport, error) {
	return native.TestClient(ctx, d, list, o, emit)
}

// TestOneShot starts a client once for each connection of each case. Results and errors
// are as in [TestServer].
func TestOneShot(ctx context.Context, d Driver, list []cases.Case, o Options, emit func(harness.Result)) (ClientReport, error) {
	return native.TestOneShot(ctx, d, list, o, emit)
}

// TestGateway plays the cases through a gateway, each after it was played without it, one
// at a time. Results and errors are as in [TestServer].
func TestGateway(ctx context.Context, g Gateway, list []cases.Case, o Options, emit func(harness.Result)) error {
	return native.TestGateway(ctx, g, list, o, emit)
}

// TestPassage plays the cases of servers against a server, without and with a gateway in
// front of it, and says where that changes the verdict. Results and errors are as in
// [TestServer].
func TestPassage(ctx context.Context, p Passage, list []cases.Case, o Options, emit func(harness.Result)) error {
	return native.TestPassage(ctx, p, list, o, emit)
}

// Certificate makes a certificate for loopback addresses and localhost, and returns it in
// PEM too, for clients that are to trust it.
func Certificate() (tls.Certificate, []byte, error) { return native.Certificate() }

// A Deviation is a place where the native engine differs from Autobahn by choice.
type Deviation = native.Deviation

// Deviations lists every one of them.
func Deviations() []Deviation { return native.Deviations }
