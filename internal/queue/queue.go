package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a server holds for one comparison.
const (
	taskStream    = "wsconform-tasks"
	taskSubject   = "wsconform.task." // CLASS.NAME
	jobBucket     = "wsconform-job"
	attemptBucket = "wsconform-attempts"
	resultBucket  = "wsconform-results"
	dataBucket    = "wsconform-data" // of the object store
	jobKey        = "job"
	workerInbox   = "_WORKER"
)

// A Task is work for one worker.
type Task struct {
	Name  string   `json:"-"`     // of letters, digits, "-" and "_"; tasks of the same name are the same work
	Needs []string `json:"needs"` // what a worker must have, such as "go" or "docker"
	Body  []byte   `json:"body"`
	// Limit is how long a worker may take.
	Limit time.Duration `json:"limit"`
}

// class names the tasks that need the same. A worker takes tasks of classes that it can play.
func (t Task) class() string {
	if len(t.Needs) == 0 {
		return "any"
	}
	sum := sha256.Sum256([]byte(joinNeeds(t.Needs)))
	return hex.EncodeToString(sum[:6])
}

func (t Task) subject() string { return taskSubject + t.class() + "." + t.Name }

func joinNeeds(needs []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(needs))), ",")
}

// An Attempt is one delivery of a task to a worker.
type Attempt struct {
	Worker string `json:"worker"`
	// Trouble says why it has no result that counts; "" if that is not known: the worker
	// is at it, or was not heard of again.
	Trouble string `json:"trouble,omitempty"`
}

// A Result is what became of a task.
type Result struct {
	Task     string    `json:"-"`
	Worker   string    `json:"worker"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// GaveUp says why no worker will try again; "" for one that was played.
	GaveUp string        `json:"gaveUp,omitempty"`
	Took   time.Duration `json:"took,omitempty"` // on the worker's clock
	Data   []byte        `json:"-"`
	Object string        `json:"object,omitempty"` // that holds the data
}

// A job is what the driver tells all workers.
type job struct {
	Driver   string        `json:"driver"` // tells one driver's job from another's
	About    string        `json:"about"`
	Lease    time.Duration `json:"lease"`
	Attempts int           `json:"attempts"`
	Over     bool          `json:"over"`
}

// An Access says how to reach a server.
type Access struct {
	URL   string
	Token string // "" uses what the URL has
	Pin   string // SHA-256 of the server's certificate in hex; "" has the system verify it
	Name  string // of this end
	// Patience is how long to wait for a server that does not listen. 0 means not at all.
	Patience time.Duration
}

// A Queue is a connection to the server.
type Queue struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// ErrRefused says that the server does not accept the token.
var ErrRefused = errors.New("the server refuses the token")

// Connect connects to a server as a worker, or as a driver of a server that is there
// already.
func Connect(ctx context.Context, a Access) (*Queue, error) {
	opts := []nats.Option{nats.Name(a.Name), nats.CustomInboxPrefix(workerInbox)}
	if a.Token != "" {
		opts = append(opts, nats.UserInfo(workerUser, a.Token))
	}
	if a.Pin != "" {
		opts = append(opts, nats.Secure(pinned(a.Pin)))
	}
	begun := time.Now()
	for {
		q, err := connect(a.URL, opts...)
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

func connect(url string, opts ...nats.Option) (*Queue, error) {
	opts = append(
		opts, nats.MaxReconnects(-1), nats.ReconnectWait(250*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.PingInterval(5*time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(10*time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // callers see their own errors
	)
	nc, err := nats.Connect(url, opts...)
	if errors.Is(err, nats.ErrAuthorization) || err != nil && strings.Contains(strings.ToLower(err.Error()), "authorization violation") {
		err = ErrRefused
	}
	if err != nil {
		return nil, fmt.Errorf("queue: connect to %s: %w", url, err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Queue{nc, js}, nil
}

// Close ends the connection.
func (q *Queue) Close() { q.nc.Close() }

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

// attempts returns those of a task, and the revision to update.
func attempts(ctx context.Context, kv jetstream.KeyValue, task string) (list []Attempt, revision uint64, err error) {
	entry, err := kv.Get(ctx, task)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	err = json.Unmarshal(entry.Value(), &list)
	return list, entry.Revision(), err
}

// setAttempts writes the attempts of a task, unless another has written since.
func setAttempts(ctx context.Context, kv jetstream.KeyValue, task string, list []Attempt, revision uint64) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = kv.Create(ctx, task, text)
	} else {
		_, err = kv.Update(ctx, task, text, revision)
	}
	return err
}

// gaveUp says why no worker tries a task again.
func gaveUp(list []Attempt) string {
	words := make([]string, 0, len(list))
	for _, a := range list {
		trouble := a.Trouble
		if trouble == "" {
			trouble = "was not heard of again"
		}
		words = append(words, a.Worker+": "+trouble)
	}
	return fmt.Sprintf("given up after %d attempts; %s", len(list), strings.Join(words, "; "))
}

func lastLine(path string) string {
	text, _ := os.ReadFile(path)
	lines := bytes.Split(bytes.TrimSpace(text), []byte{'\n'})
	return string(lines[len(lines)-1])
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
