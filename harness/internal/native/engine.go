package native

import (
	"cmp"
	"context"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Open returns the engine.
func Open(_ context.Context, s runner.Setup) (runner.Engine, error) {
	return engine{version: s.Version}, nil
}

// engine is the native engine as commands and comparisons use it.
type engine struct{ version string }

// About names the engine.
func (e engine) About() runfile.Engine {
	return runfile.Engine{Name: runfile.DefaultEngine, Version: e.version}
}

// Server plays many cases at once, if the server takes that.
func (e engine) Server(ctx context.Context, s runner.Subject, emit func(harness.Result)) error {
	target := Target{URL: s.Address(), Socket: s.Socket, Header: s.Header, Subprotocols: s.Subprotocols, TLS: s.TLS, NetDial: s.NetDial, HTTP2: s.HTTP2, HTTP3: s.HTTP3}
	if s.HTTP3 { // of a server that was started, the address is known, and the scheme is the usual one
		over := *target.URL
		over.Scheme = "wss"
		target.URL = &over
	}
	report, err := TestServer(ctx, target, s.Cases, options(s), emit)
	return cmp.Or(err, report.Trouble())
}

// Client starts the command several times, each with a share of the cases.
func (e engine) Client(ctx context.Context, s runner.Subject, emit func(harness.Result)) error {
	test := TestClient
	if s.OneShot {
		test = TestOneShot
	}
	_, err := test(ctx, s.Driver, s.Cases, options(s), emit)
	return err
}

func options(s runner.Subject) Options {
	return Options{Options: s.Options, Faithful: s.Faithful, Originals: s.Originals}
}

// Close has nothing to free.
func (e engine) Close() error { return nil }
