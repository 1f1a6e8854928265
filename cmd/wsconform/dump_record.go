package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/console"
	"github.com/wsconform/wsconform/internal/labrun"
	"github.com/wsconform/wsconform/internal/runfile"
)

// prepare reads the script, and gets ready for a record: where its secrets are masked, so
// are those in what the peer prints.
func (o *dumpOptions) prepare(added http.Header) (done func(), err error) {
	done = func() {}
	if o.script != "" {
		text, err := os.ReadFile(o.script)
		if err != nil {
			return done, usagef("--script: %w", err)
		}
		o.In, o.steps = bytes.NewReader(text), string(text)
	}
	o.log = o.Err
	if o.record == "" {
		return done, nil
	}
	o.header = labrun.Header(runfile.Header{
		Tool: "wsconform " + toolVersion(), Engine: runfile.Engine{Name: runfile.DefaultEngine}, Started: time.Now().UTC(), Host: thisHost(), Added: added,
	}, o.steps+strings.Join(o.First, "\n"))
	log, err := createLog(filepath.Join(o.record, "agent.log"), o.header.Masking())
	if err != nil {
		return done, err
	}
	o.log = log
	return func() { log.Close() }, nil
}

// server starts the server, if that is wanted, and says where it is. stop ends it.
func (o *dumpOptions) server(ctx context.Context, list []string) (address string, stop func(), err error) {
	if o.serverCmd == "" {
		return list[0], func() {}, nil
	}
	s := &agent.Service{
		Command: shellCommand(o.serverCmd), AnyPort: true, Patience: startPatience, Log: o.log,
		URL: &url.URL{Scheme: "ws", Host: "127.0.0.1:0", Path: "/"},
	}
	if err := s.Start(ctx); ctx.Err() != nil {
		return "", s.Stop, &codedError{exitInterrupted, context.Cause(ctx)}
	} else if err != nil {
		return "", s.Stop, &codedError{exitAgent, err}
	}
	return s.URL.String(), s.Stop, nil
}

// clientPatience is how long a client that has ended may have been connecting.
const clientPatience = 500 * time.Millisecond

// startClient starts the client, if that is wanted. stop ends it.
func (o *dumpOptions) startClient() (stop func(), err error) {
	if o.clientCmd == "" {
		return func() {}, nil
	}
	p, err := agent.Start(shellCommand(o.clientCmd), map[string]string{"url": o.URL}, o.log)
	if err != nil {
		return nil, &codedError{exitAgent, err}
	}
	over := make(chan struct{})
	ended := make(chan struct{})
	go func() { // nobody connects once it has ended
		defer close(ended)
		select {
		case <-over:
			return
		case <-p.Done():
		}
		timer := time.NewTimer(clientPatience)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
			o.gone.Store(true)
			_ = o.Listener.Close()
		}
	}()
	return func() {
		close(over)
		p.Stop()
		<-ended
	}, nil
}

// talk talks, and keeps a record if that is wanted.
func (o *dumpOptions) talk(ctx context.Context) error {
	if o.record == "" {
		return o.outcome(console.Run(ctx, o.Options))
	}
	r := &labrun.Recorder{Server: o.Listener != nil}
	o.Hear, o.Played = r.Hear, r.Played
	o.header.Agent = harness.Agent{Name: "the server of a raw script", Role: cases.Server, URL: o.URL}
	if r.Server {
		o.header.Agent = harness.Agent{Name: "the client of a raw script", Role: cases.Client}
	}
	err := console.Run(ctx, o.Options)
	said := o.outcome(err)
	if o.gone.Load() {
		err = said
	}
	return errors.Join(said, r.Write(o.record, o.header, err))
}

// outcome gives an error its exit code.
func (o *dumpOptions) outcome(err error) error {
	if errors.Is(err, net.ErrClosed) && o.gone.Load() {
		return &codedError{exitAgent, errors.New("dump: the client has ended, and did not connect again")}
	}
	return dumpError(err, o.Listener != nil)
}
