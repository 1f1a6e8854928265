package rawscript

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"
)

// A Session plays a script, which may have several connections: it then begins with
// "connection 1". Its methods are for one goroutine. Close ends all connections.
type Session struct {
	// Open opens a connection, or takes the next one of a client, and says how to play on it.
	// n counts from 1.
	Open func(ctx context.Context, n int) (net.Conn, Options, error)

	players map[int]*Player
	over    map[int]bool // by a step of the script, or a refusal
	at      int          // the connection that steps are for; 0 means 1
	several bool         // the script names connections
}

// Number is that of the connection that steps are for.
func (s *Session) Number() int { return max(s.at, 1) }

// Only reports whether the script has one connection, whose end is that of the script.
func (s *Session) Only() bool { return !s.several }

// Player returns the player of the connection that steps are for, and opens it if it is new.
func (s *Session) Player(ctx context.Context) (*Player, error) {
	n := s.Number()
	if p := s.players[n]; p != nil {
		return p, nil
	}
	nc, opts, err := s.Open(ctx, n)
	if err != nil {
		return nil, err
	}
	if s.players == nil {
		s.players, s.over = map[int]*Player{}, map[int]bool{}
	}
	s.players[n] = Start(nc, opts)
	return s.players[n], nil
}

// Do plays a step on its connection. Behind the end of a connection its steps are left out.
// The errors are those of [Player.Do] and of Open.
func (s *Session) Do(ctx context.Context, step Step) error {
	if c, ok := step.(Connection); ok {
		s.at, s.several = c.N, true
		_, err := s.Player(ctx)
		return err
	}
	if s.over[s.Number()] {
		return nil
	}
	p, err := s.Player(ctx)
	if err != nil {
		return err
	}
	err = p.Do(ctx, step)
	if end, ok := step.(End); ok && err == nil && end.Verb != "half-close" {
		s.over[s.Number()] = true
	}
	if _, refused := err.(*RefusedError); refused { //nolint:errorlint // Do does not wrap it
		s.over[s.Number()] = true
	}
	return err
}

// Finish opens what the script has named and not opened: a connection without a step of its
// own still has its opening handshake.
func (s *Session) Finish(ctx context.Context) error {
	for _, n := range slices.Sorted(maps.Keys(s.players)) {
		if p := s.players[n]; !p.Opened() && !s.over[n] {
			if err := p.Do(ctx, Open{}); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
		}
	}
	return nil
}

// Wait waits until nothing more will come on any connection, until over can be received
// from, or until ctx ends, whose cause it returns.
func (s *Session) Wait(ctx context.Context, over <-chan time.Time) error {
	for _, p := range s.players {
		select {
		case <-p.Done():
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Close closes all connections, without close frames, and waits for their readers.
func (s *Session) Close() {
	for _, p := range s.players {
		p.Close()
	}
}
