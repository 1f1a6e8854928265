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

	"github.com/containerd/errdefs"
)

var (
	// ErrNoEngine is matched by every error that means that no Docker engine can
	// be used, from the start or any more. The error is an [*UnavailableError].
	ErrNoEngine = errors.New("no Docker engine")
	// ErrNotFound is matched when an image, a container or a file in one does
	// not exist.
	ErrNotFound = errors.New("not found")
	// ErrNetwork is matched when a registry, mirror or package index could not be
	// reached.
	ErrNetwork = errors.New("network out of reach")
	// ErrCertificate is matched when a TLS certificate was refused, as happens
	// behind a proxy that intercepts TLS.
	ErrCertificate = errors.New("TLS certificate refused")
	// ErrUnsafe is matched when what a container left is not copied out: a path
	// that leads elsewhere, an entry that is neither file nor folder, or too much.
	ErrUnsafe = errors.New("refused")
)

// A Reason says why there is no engine.
type Reason int

// The reasons.
const (
	NotRunning       Reason = iota // nobody listens
	NotInstalled                   // nobody listens, and there is nothing to start
	PermissionDenied               // this user may not use the socket
	TooOld                         // API older than [MinAPI]
	Lost                           // it answered before, and does not any more
)

// An UnavailableError says why no Docker engine can be used and what to do
// about it, in two lines. It matches [ErrNoEngine].
type UnavailableError struct {
	Reason Reason
	Host   string // address that was tried, "" if there was none
	Err    error  // what the attempt came to
}

func (e *UnavailableError) Error() string {
	at := e.Host
	if at == "" {
		at = "the usual place"
	}
	switch e.Reason {
	case NotInstalled:
		return "no Docker engine: it is not installed (nobody listens at " + at + ")\n" +
			"install and start it (on Debian: apt-get install docker.io debootstrap), or set DOCKER_HOST to an engine elsewhere"
	case PermissionDenied:
		return "no Docker engine: this user may not use " + at + "\n" +
			"run as root, or join the group that owns the socket (usermod -aG docker USER) and log in again"
	case TooOld:
		return "no Docker engine: the one at " + at + " is too old (" + e.Err.Error() + ")\n" +
			"install Docker 20.10 or newer (API " + MinAPI + ")"
	case Lost:
		return "no Docker engine: the one at " + at + " went away while it was in use (" + firstLine(e.Err) + ")\n" +
			"see its log, start it again and repeat the run; wsconform clean removes what is left"
	case NotRunning:
	}
	return "no Docker engine: nobody answers at " + at + " (" + firstLine(e.Err) + ")\n" +
		"start it (systemctl start docker, or dockerd as root), or set DOCKER_HOST to an engine elsewhere"
}

// Unwrap returns what the attempt came to.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrNoEngine].
func (e *UnavailableError) Is(target error) bool { return target == ErrNoEngine }

// unavailable tells why nobody answered at host.
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

// installed reports whether there is an engine on this machine that could be
// started. The PATH of a plain user often lacks the folders where it lies.
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

// answered reports whether err is what the engine said, as opposed to a failure
// to talk to it.
func answered(err error) bool {
	var api interface{ Message() string }
	return errdefs.IsNotFound(err) || errdefs.IsConflict(err) || errdefs.IsInvalidArgument(err) ||
		errdefs.IsInternal(err) || errdefs.IsPermissionDenied(err) || errdefs.IsUnauthorized(err) ||
		errdefs.IsNotImplemented(err) || errors.As(err, &api) || errors.As(err, new(*streamError))
}

var (
	networkTrouble = regexp.MustCompile(`(?i)no such host|connection refused|connection reset|i/o timeout|network is unreachable|` +
		`no route to host|TLS handshake timeout|Client\.Timeout|Temporary failure (resolving|in name resolution)|` +
		`Could not (resolve|connect to)|Failed to establish a new connection|Name or service not known|` +
		`Couldn't download|Failed getting release file|unable to connect|proxyconnect`)
	certificateTrouble = regexp.MustCompile(`(?i)x509:|CERTIFICATE_VERIFY_FAILED|certificate verif|self[- ]signed certificate`)
)

// classify joins to err the sentinel for what its text, or the output that came
// with it, gives away: engines and package tools only say it in words.
func classify(err error, output string) error {
	text := err.Error() + "\n" + output
	switch {
	case certificateTrouble.MatchString(text):
		return &kindError{err, ErrCertificate}
	case networkTrouble.MatchString(text):
		return &kindError{err, ErrNetwork}
	}
	return err
}

// A kindError is an error that also matches a sentinel; its text stays as it is.
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
