package autobahn

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Unable lists the settings that Autobahn does not have, as the flags for them are named.
var Unable = []string{
	"parallel", "faithful", "no-echo", "one-shot", "declare", "corpora", "verbose", "agent-version", "host", "port", "tls", "header", "subprotocol",
	"insecure", "server-name", "ca", "cert", "key", "proxy", "http2",
}

// Open connects to Docker, and pulls or builds the image.
func Open(ctx context.Context, s runner.Setup) (runner.Engine, error) {
	containers, err := docker.Connect(ctx)
	if err != nil {
		return nil, err
	}
	about, err := describe(ctx, containers, s)
	if err != nil {
		return nil, errors.Join(err, containers.Close())
	}
	return &opened{docker: containers, about: about, network: s.Network}, nil
}

// describe gets the image, and says what is known of it. Of an image that the user names
// that is its digest.
func describe(ctx context.Context, containers *docker.Engine, s runner.Setup) (runfile.Engine, error) {
	if s.Image != "" {
		image, err := containers.Image(ctx, s.Image)
		return runfile.Engine{Name: runfile.ReferenceEngine, Image: s.Image, Digest: cmp.Or(image.Digest, image.ID)}, err
	}
	image, err := EnsureImage(ctx, containers, ImageOptions{Progress: s.Progress})
	return runfile.Engine{
		Name: runfile.ReferenceEngine, Version: image.Versions["autobahntestsuite"],
		Image: image.Ref, Digest: image.Digest, Packages: image.Versions,
	}, err
}

// opened is the engine as commands and comparisons use it.
type opened struct {
	docker  *docker.Engine
	about   runfile.Engine
	network string
}

// About names the image.
func (o *opened) About() runfile.Engine { return o.about }

func (o *opened) engine(s runner.Subject) *Engine {
	return &Engine{Docker: o.docker, Image: o.about.Image, Network: o.network, Dir: s.Reports, Secrets: s.Secrets, Patience: s.Patience}
}

// listenPatience is how long a server that somebody else starts may take to listen.
const listenPatience = 5 * time.Second

// Server has the fuzzingclient play the cases.
func (o *opened) Server(ctx context.Context, s runner.Subject, emit func(harness.Result)) error {
	u := s.Address()
	if s.Service == nil {
		if err := agent.WaitListening(ctx, nil, hostPort(u), cmp.Or(s.Patience, listenPatience)); err != nil {
			return err
		}
	}
	report, err := o.engine(s).TestServer(ctx, s.Name, u, s.Cases, s.Options, emit)
	return cmp.Or(err, report.Trouble())
}

// hostPort is where the server of a URL listens.
func hostPort(u *url.URL) string {
	port := map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
}

// Client has the fuzzingserver play the cases.
func (o *opened) Client(ctx context.Context, s runner.Subject, emit func(harness.Result)) error {
	_, err := o.engine(s).TestClient(ctx, s.Name, s.Driver, s.Cases, s.Options, emit)
	return err
}

// closeBound is how long Docker may take to remove what is left.
const closeBound = 10 * time.Second

// Close removes the containers of this run. None is left if all went well.
func (o *opened) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeBound)
	defer cancel()
	_ = o.docker.RemoveRun(ctx) // a later clean does it if this cannot
	return o.docker.Close()
}
