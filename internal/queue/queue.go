package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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
	// Unable says that the worker cannot play the task, and another one may; Stopped, that
	// it was told to end, or cannot play anything more. Neither uses up an attempt.
	Unable  bool `json:"unable,omitempty"`
	Stopped bool `json:"stopped,omitempty"`
	// Object holds what counts if no worker can play the task; "" if there is nothing.
	Object string `json:"object,omitempty"`
}

// used counts the attempts that use up those of the task.
func used(list []Attempt) (n int) {
	for _, a := range list {
		if !a.Unable && !a.Stopped {
			n++
		}
	}
	return n
}

// A Result is what became of a task.
type Result struct {
	Task     string    `json:"-"`
	Worker   string    `json:"worker"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// GaveUp says why no worker will try again; "" for one that was played. Data is then
	// what the first worker that could not play it has said, if anything.
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
	// GaveUp lists the tasks that nobody has played, CLASS.NAME: the first thousand.
	GaveUp []string `json:"gaveUp,omitempty"`
}

// A Queue is a connection to the server.
type Queue struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// Close ends the connection.
func (q *Queue) Close() { q.nc.Close() }

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
		if line := a.Worker + ": " + trouble; !a.Unable || !slices.Contains(words, line) {
			words = append(words, line)
		}
	}
	lead := "no worker could play it"
	if n := used(list); n > 0 {
		lead = fmt.Sprintf("given up after %d attempts", n)
	}
	return lead + "; " + strings.Join(words, "; ")
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
