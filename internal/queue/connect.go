package queue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// An Access says how to reach a server.
type Access struct {
	// URL is nats://HOST:PORT or tls://HOST:PORT; commas separate the servers of a
	// cluster. It may name a user, with or without a password.
	URL   string
	Token string // the password of that user, or of our own workers; "" uses what the URL has
	Pin   string // SHA-256 of the server's certificate in hex; "" has the system verify it
	Name  string // of this end
	// Patience is how long to wait for a server that does not listen. 0 means not at all.
	Patience time.Duration
}

// Check says what is wrong with the URL or the pin, without repeating the URL: it may have
// a password.
func (a Access) Check() error {
	for one := range strings.SplitSeq(a.URL, ",") {
		u, err := url.Parse(one)
		if err != nil || !slices.Contains([]string{"nats", "tls"}, u.Scheme) || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return errors.New("the URL must be nats://HOST:PORT or tls://HOST:PORT")
		}
		if n, err := strconv.Atoi(cmp.Or(u.Port(), "4222")); err != nil || n < 1 || n > 65535 {
			return errors.New("the URL's port must be from 1 to 65535")
		}
	}
	if hash, err := hex.DecodeString(a.Pin); a.Pin != "" && (err != nil || len(hash) != sha256.Size) {
		return fmt.Errorf("the pin must be a SHA-256 hash, %d hex digits", 2*sha256.Size)
	}
	return nil
}

// credentials takes the user out of the URL, if the token is to be the password.
func (a Access) credentials() (address, user string) {
	if a.Token == "" {
		return a.URL, ""
	}
	var list []string
	user = workerUser
	for one := range strings.SplitSeq(a.URL, ",") {
		if u, err := url.Parse(one); err == nil {
			if u.User != nil {
				user = u.User.Username()
			}
			u.User = nil
			one = u.String()
		}
		list = append(list, one)
	}
	return strings.Join(list, ","), user
}

// ErrRefused says that the server does not accept the token.
var ErrRefused = errors.New("the server refuses the token")

// Connect connects to a server as a worker, or as a driver of a server that is there
// already.
func Connect(ctx context.Context, a Access) (*Queue, error) {
	opts := []nats.Option{nats.Name(a.Name), nats.CustomInboxPrefix(workerInbox)}
	address, user := a.credentials()
	if user != "" {
		opts = append(opts, nats.UserInfo(user, a.Token))
	}
	if a.Pin != "" {
		opts = append(opts, nats.Secure(pinned(a.Pin)))
	}
	begun := time.Now()
	for {
		q, err := connect(address, opts...)
		if !away(err) || time.Since(begun) >= a.Patience {
			return q, err
		}
		if !pause(ctx, pollMost) {
			return nil, context.Cause(ctx)
		}
	}
}

// away reports whether the error is that no server is there, or one that comes or goes.
func away(err error) bool {
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF) || errors.As(err, new(*net.OpError))
}

// Connect is the driver's connection to a server in this program.
func (s *Server) Connect() (*Queue, error) {
	return connect("", nats.InProcessServer(s.nats), nats.UserInfo(driverUser, s.secret), nats.Name(driverUser), nats.CustomInboxPrefix("_DRIVER"))
}

func connect(address string, opts ...nats.Option) (*Queue, error) {
	opts = append(
		opts, nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(10*time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // callers see their own errors
	)
	nc, err := nats.Connect(address, opts...)
	if errors.Is(err, nats.ErrAuthorization) || err != nil && strings.Contains(strings.ToLower(err.Error()), "authorization violation") {
		err = ErrRefused
	}
	if err != nil {
		return nil, fmt.Errorf("queue: connect to %s: %w", anonymous(address), err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{nc, js}, nil
}

// anonymous is a URL without its user.
func anonymous(address string) string {
	var list []string
	for one := range strings.SplitSeq(address, ",") {
		if u, err := url.Parse(one); err == nil {
			u.User = nil
			list = append(list, u.String())
		}
	}
	return strings.Join(list, ",")
}

// pinned trusts one certificate, whatever its names.
func pinned(pin string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if got := pinOf(s.PeerCertificates[0].Raw); !strings.EqualFold(got, pin) {
				return fmt.Errorf("the server's certificate has the hash %s, not %s", got, pin)
			}
			return nil
		},
	}
}
