package native

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/queue"
)

// The kill matrix and the recording on several machines: with -mutants.serve they play no
// mutant, but hand them, one by one, to TestMutantsWork of the same test binary elsewhere.
var (
	serveMutants = flag.String("mutants.serve", "", "have workers play the mutants: listen for them on this `ADDRESS`")
	workMutants  = flag.String("mutants.work", "", "play mutants for the server at this `URL`")
	mutantsToken = flag.String("mutants.token", "", "the token of the workers is in this `FILE`")
	mutantsPin   = flag.String("mutants.pin", "", "SHA-256 of the server's certificate, in `HEX`")
)

// mutantLimit is how long a worker may take for a mutant: Autobahn waits in many cases.
const mutantLimit = time.Hour

// A mutantUnit is a mutant in one role, and what is to be done with it.
type mutantUnit struct {
	Record bool          `json:"record"` // have Autobahn judge it, else play the kill matrix
	Role   mutants.Roles `json:"role"`
	Mutant string        `json:"mutant"`
	Cases  string        `json:"cases"` // of the kill matrix, see -kills.cases
}

func (u mutantUnit) name() string {
	if u.Record {
		return "record-" + roleName(u.Role) + "-" + u.Mutant
	}
	return "kills-" + roleName(u.Role) + "-" + u.Mutant
}

// sameTests is what the server and its workers must have in common: the test binary has the
// mutants and the cases.
func sameTests() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return fmt.Sprintf("the tests %.12x", sha256.Sum256(text)), err
}

// share has workers play the units, and hands over what each has.
func share(t *testing.T, address, token string, units []mutantUnit, accept func(mutantUnit, []byte) error, ready func(url, pin string)) {
	t.Helper()
	about, err := sameTests()
	if err != nil {
		t.Fatal(err)
	}
	s, err := queue.Start(queue.ServerOptions{Dir: t.TempDir(), Listen: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	q, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	ready(s.URL, s.Pin)
	byName := map[string]mutantUnit{}
	job := queue.Job{ID: t.Name(), About: about, Note: func(line string) { t.Log(line) }, Accept: func(r queue.Result) error {
		if r.GaveUp != "" {
			t.Errorf("%s: %s", r.Task, r.GaveUp)
			return nil
		}
		return accept(byName[r.Task], r.Data)
	}}
	for _, u := range units {
		body, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		task := queue.Task{Name: u.name(), Body: body, Limit: mutantLimit}
		if u.Record {
			task.Needs = []string{"docker"}
		}
		byName[task.Name] = u
		job.Tasks = append(job.Tasks, task)
	}
	if err := q.Drive(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	s.Linger(t.Context(), 3*time.Second)
}

// shareKills has workers play the batches, and puts what they saw into the store.
func shareKills(t *testing.T, store *cellStore, all []batch) {
	t.Helper()
	var units []mutantUnit
	for _, b := range all {
		units = append(units, mutantUnit{Role: b.role, Mutant: b.m.Name, Cases: *killCases})
	}
	share(t, *serveMutants, readMutantsToken(t), units, storing(t, store), sayHow(t))
}

// sayHow tells how to start workers.
func sayHow(t *testing.T) func(url, pin string) {
	t.Helper()
	return func(url, pin string) {
		t.Logf("for workers: -test.run TestMutantsWork -test.timeout 0 -test.v -mutants.token FILE -mutants.work %s -mutants.pin=%s", url, pin)
	}
}

// storing puts the cells of a worker into the store.
func storing(t *testing.T, store *cellStore) func(mutantUnit, []byte) error {
	t.Helper()
	return func(u mutantUnit, data []byte) error {
		for line := range bytes.Lines(data) {
			var c cell
			if err := json.Unmarshal(line, &c); err != nil {
				return &queue.RefusedError{Why: err.Error()}
			}
			if c.Mutant != roleName(u.Role)+"-"+u.Mutant {
				return &queue.RefusedError{Why: "it has a verdict on " + c.Mutant}
			}
			store.put(t, c)
		}
		return nil
	}
}

// shareRecords has workers record the mutants of a role, and returns the verdicts on each.
func shareRecords(t *testing.T, role mutants.Roles, list []mutants.Mutant) map[string]verdicts {
	t.Helper()
	var units []mutantUnit
	for _, m := range list {
		units = append(units, mutantUnit{Record: true, Role: role, Mutant: m.Name})
	}
	all := map[string]verdicts{}
	share(t, *serveMutants, readMutantsToken(t), units, func(u mutantUnit, data []byte) error {
		var got verdicts
		if err := json.Unmarshal(data, &got); err != nil || len(got) == 0 {
			return &queue.RefusedError{Why: fmt.Sprintf("%d verdicts, %v", len(got), err)}
		}
		all[u.Mutant] = got
		return nil
	}, sayHow(t))
	return all
}

func readMutantsToken(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(*mutantsToken)
	if err != nil {
		t.Fatalf("-mutants.token: %v", err)
	}
	return strings.TrimSpace(string(text))
}

// TestMutantsWork plays mutants for TestKillMatrix and TestRecordMutants elsewhere.
func TestMutantsWork(t *testing.T) {
	if *workMutants == "" {
		t.Skip("started by hand, as a worker of -mutants.serve")
	}
	workOnMutants(t, queue.Access{URL: *workMutants, Token: readMutantsToken(t), Pin: *mutantsPin, Patience: 5 * time.Minute})
}

func workOnMutants(t *testing.T, access queue.Access) {
	t.Helper()
	about, err := sameTests()
	if err != nil {
		t.Fatal(err)
	}
	access.Name = fmt.Sprint("mutants-", os.Getpid())
	q, err := queue.Connect(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	recorder := sync.OnceValues(func() (*autobahn.Engine, error) { return recording(t) })
	_, err = q.Work(t.Context(), queue.Worker{
		Name: access.Name, About: about, Note: func(line string) { t.Log(line) },
		Able: func(needs []string) bool {
			if len(needs) == 0 {
				return true
			}
			_, err := recorder()
			return err == nil
		},
		Play: func(ctx context.Context, task queue.Task) ([]byte, error) {
			var u mutantUnit
			if err := json.Unmarshal(task.Body, &u); err != nil {
				return nil, err
			}
			m, ok := mutants.Find(u.Mutant)
			if !ok {
				return nil, &queue.UnableError{Err: fmt.Errorf("no mutant %q here", u.Mutant)}
			}
			t.Log(u.name())
			if !u.Record {
				return killCellsOf(t, m, u)
			}
			engine, err := recorder()
			if err != nil {
				return nil, &queue.UnableError{Err: err}
			}
			got, err := recordMutant(ctx, engine, m, u.Role, selected(t, m))
			if err != nil {
				return nil, err
			}
			return json.Marshal(got)
		},
	})
	if err != nil {
		t.Error(err)
	}
}

// recording is the engine that records, until the test ends.
func recording(t *testing.T) (*autobahn.Engine, error) {
	t.Helper()
	eng, err := docker.Connect(t.Context())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = eng.Close() })
	img, err := autobahn.EnsureImage(t.Context(), eng, autobahn.ImageOptions{Progress: func(line string) { t.Log(line) }})
	return &autobahn.Engine{Docker: eng, Image: img.Ref}, err
}

// killCellsOf plays a mutant for the kill matrix and returns its cells, a line each.
func killCellsOf(t *testing.T, m mutants.Mutant, u mutantUnit) ([]byte, error) {
	t.Helper()
	store := openCells(t, filepath.Join(t.TempDir(), "cells"))
	suite := killSuite(u.Cases)
	all := []batch{killBatch(m, u.Role, suite)}
	playMatrix(t, store, all, suite, u.Cases != "")
	var out bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(store.have)) {
		line, err := json.Marshal(store.have[key])
		if err != nil {
			return nil, err
		}
		out.Write(append(line, '\n'))
	}
	return out.Bytes(), nil
}

// Mutants that a worker plays have the verdicts that they have here.
func TestMutantsShared(t *testing.T) {
	t.Parallel()
	const pattern = "F.2.1"
	suite := killSuite(pattern)
	store, own := openCells(t, ""), openCells(t, "")
	var all []batch
	var units []mutantUnit
	for _, m := range mutants.Catalogue() {
		if b := killBatch(m, mutants.Server, suite); m.Roles.Has(mutants.Server) && len(b.list) > 0 && len(all) < 2 {
			all = append(all, b)
			units = append(units, mutantUnit{Role: mutants.Server, Mutant: m.Name, Cases: pattern})
		}
	}
	playMatrix(t, own, all, suite, true)
	var wg sync.WaitGroup
	defer wg.Wait()
	const token = "a-token"
	share(t, "127.0.0.1:0", token, units, storing(t, store), func(url, _ string) {
		wg.Go(func() { workOnMutants(t, queue.Access{URL: url, Token: token}) })
	})
	if len(own.have) == 0 {
		t.Error("nothing was played")
	}
	if diff := cmp.Diff(store.have, own.have); diff != "" {
		t.Errorf("the verdicts differ (-worker +here):\n%s", diff)
	}
	if err := storing(t, store)(units[0], []byte(`{"m":"client-x"}`)); !errors.As(err, new(*queue.RefusedError)) {
		t.Errorf("a verdict on another mutant: got %v, want it refused", err)
	}
}
