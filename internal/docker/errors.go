package docker

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
)

var (
	// ErrNoEngine means that there is no usable Docker engine, or that it went away.
	// The error is an [*UnavailableError].
	ErrNoEngine = errors.New("no Docker engine")
	// ErrNotFound means that an image, a container or a file in one does not exist.
	ErrNotFound = errors.New("not found")
	// ErrNetwork means that a registry, mirror or package index is unreachable.
	ErrNetwork = errors.New("network out of reach")
	// ErrCertificate means that a TLS certificate was refused, as happens behind a
	// proxy that intercepts TLS.
	ErrCertificate = errors.New("TLS certificate refused")
	// ErrUnsafe means that the content of a container was not copied: a path leads
	// elsewhere, an entry is neither a file nor a folder, or there is too much.
	ErrUnsafe = errors.New("refused")
)

// A Reason says why there is no engine.
type Reason int

// The reasons.
const (
	NotRunning       Reason = iota // no answer
	NotInstalled                   // no answer, and no engine is installed
	PermissionDenied               // this user may not use the socket
	TooOld                         // API older than [MinAPI]
	Lost                           // it answered before and no longer does
)

// An UnavailableError says in two lines why no Docker engine can be used, and what to
// do about it. It matches [ErrNoEngine].
type UnavailableError struct {
	Reason Reason
	Host   string // address that was tried, "" if there was none
	Err    error  // the error of the attempt
}

func (e *UnavailableError) Error() string {
	at := e.Host
	if at == "" {
		at = "the usual place"
	}
	switch e.Reason {
	case NotInstalled:
		return "no Docker engine: not installed (no answer from " + at + ")\n" +
			"install and start it (on Debian: apt-get install docker.io debootstrap), or set DOCKER_HOST to an engine elsewhere"
	case PermissionDenied:
		return "no Docker engine: permission denied for " + at + "\n" +
			"run as root, or join the group that owns the socket (usermod -aG docker USER) and log in again"
	case TooOld:
		return "no Docker engine: the one at " + at + " is too old (" + e.Err.Error() + ")\n" +
			"install Docker 20.10 or newer (API " + MinAPI + ")"
	case Lost:
		return "no Docker engine: the one at " + at + " went away during the run (" + firstLine(e.Err) + ")\n" +
			"see its log, restart it and repeat the run; wsconform clean removes leftovers"
	case NotRunning:
	}
	return "no Docker engine: no answer from " + at + " (" + firstLine(e.Err) + ")\n" +
		"start it (systemctl start docker, or dockerd as root), or set DOCKER_HOST to another engine"
}

// Unwrap returns the error of the attempt.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrNoEngine].
func (e *UnavailableError) Is(target error) bool { return target == ErrNoEngine }

// unavailable says why there was no answer from host.
func unavailable(host string, err error) error {
	u := &UnavailableError{Reason: NotRunning, Host: host, Err: err}
	socket, unix := strings.CutPrefix(host, "unix://")
	switch {
	case errors.Is(err, fs.ErrPermission):
		u.Reason = PermissionDenied
	case unix && !exists(socket) && !installed():
		u.Reason = NotInstalled
	}
	return u
}

// installed reports whether there is an engine on this machine that could be started.
// Its folder is often missing from an ordinary user's PATH.
func installed() bool {
	name := "docker" // Docker Desktop has no engine of its own on the host
	if runtime.GOOS == "linux" {
		name = "dockerd"
	}
	if _, err := exec.LookPath(name); err == nil {
		return true
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		if exists(filepath.Join(dir, name)) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// answered reports whether err is the engine's answer, as opposed to a failure to talk
// to it.
func answered(err error) bool {
	var api interface{ Message() string }
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) || errdefs.IsInvalidArgument(err) ||
		errdefs.IsInternal(err) || errdefs.IsPermissionDenied(err) || errdefs.IsUnauthorized(err) ||
		errdefs.IsNotImplemented(err) || errors.As(err, &api) || errors.As(err, new(*streamError))
}

var (
	networkTrouble = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)no such host|connection refused|connection reset|i/o timeout|network is unreachable|` +
			`no route to host|TLS handshake timeout|Client\.Timeout|Temporary failure (resolving|in name resolution)|` +
			`Could not (resolve|connect to)|Failed to establish a new connection|Name or service not known|` +
			`Couldn't download|Failed getting release file|unable to connect|proxyconnect`)
	})
	certificateTrouble = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)x509:|CERTIFICATE_VERIFY_FAILED|certificate verif|self[- ]signed certificate`)
	})
)

// classify adds to err the sentinel that its text, or the output with it, implies.
// Engines and package tools have no error codes for that.
func classify(err error, output string) error {
	text := err.Error() + "\n" + output
	switch {
	case certificateTrouble().MatchString(text):
		return &kindError{err, ErrCertificate}
	case networkTrouble().MatchString(text):
		return &kindError{err, ErrNetwork}
	}
	return err
}

// A kindError is an error that also matches a sentinel; its text is unchanged.
type kindError struct {
	err, kind error
}

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.err, e.kind} }

func firstLine(err error) string {
	if err == nil {
		return "no answer"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
