// Package docker talks to the Docker engine. No other package does.
//
// Start with [Connect], which finds the engine and names the run. [Engine.Build],
// [Engine.Pull] and [Engine.Import] make images; [Engine.Create] makes a
// [Container]. A caller that defers [Container.Remove] leaves nothing behind, even
// after Ctrl-C, since removal ignores cancellation. [Engine.Clean] removes what
// killed processes left: everything made here carries labels that name the run and
// the process that owned it.
//
// If there is no engine, or if it goes away, every call returns an error that
// matches [ErrNoEngine]; its text says what to do.
//
// The package supports engines from API 1.41 (Docker 20.10) up. It pulls images
// anonymously, without registry credentials.
package docker
