package native

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
)

var (
	recordMutants = flag.Bool("mutants.record", false, "have Autobahn, in Docker, judge the mutants, and write its verdicts to their files")
	onlyMutants   = flag.String("mutants.only", "", "names of the mutants to record or to play, with commas between them; empty means all")
	onlyRole      = flag.String("mutants.role", "", "the role to record them in, server or client; empty means both")
	// Autobahn mostly waits, but its timers measure the machine too.
	recordParallel = flag.Int("mutants.parallel", 2, "how many mutants to record at once")
	driveMutant    = flag.String("mutants.drive", "", "name of a mutant to run as a client, for the recording")
	driveURL       = flag.String("mutants.url", "", "where that client is to go")
)

// TestRecordMutants writes the files that TestMutants compares with. The
// conformant peer comes first, since the others are differences from it.
func TestRecordMutants(t *testing.T) {
	if !*recordMutants {
		t.Skip("asked for by -mutants.record")
	}
	eng, err := docker.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	img, err := autobahn.EnsureImage(t.Context(), eng, autobahn.ImageOptions{Progress: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	engine := &autobahn.Engine{Docker: eng, Image: img.Ref}
	for _, role := range []mutants.Roles{mutants.Server, mutants.Client} {
		if *onlyRole != "" && *onlyRole != roleName(role) {
			continue
		}
		sound := verdicts{}
		if !wantsRecord(mutants.Conformant) {
			if sound, _ = readGolden(t, mutants.Conformant, role); sound == nil {
				t.Fatalf("the %s %s has to be recorded first", roleName(role), mutants.Conformant.Name)
			}
		} else if sound, err = recordMutant(t.Context(), engine, mutants.Conformant, role, selected(t, mutants.Conformant)); err != nil {
			t.Fatal(err)
		} else if err := writeGolden(role, mutants.Conformant, sound); err != nil {
			t.Fatal(err)
		}
		if *serveMutants != "" {
			recordShared(t, role, sound)
			continue
		}
		var wg sync.WaitGroup
		slots := make(chan struct{}, *recordParallel)
		for _, m := range slices.Concat([]mutants.Mutant{mutants.Chaos}, mutants.Catalogue()) {
			if !m.Roles.Has(role) || !wantsRecord(m) {
				continue
			}
			list := selected(t, m)
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				got, err := recordMutant(t.Context(), engine, m, role, list)
				if err == nil {
					err = writeGolden(role, m, differences(got, sound))
				}
				if err != nil {
					t.Errorf("%s %s: %v", roleName(role), m.Name, err)
				}
			})
		}
		wg.Wait()
	}
}

// recordShared is the recording with workers, which have the images of Autobahn.
func recordShared(t *testing.T, role mutants.Roles, sound verdicts) {
	t.Helper()
	var list []mutants.Mutant
	for _, m := range slices.Concat([]mutants.Mutant{mutants.Chaos}, mutants.Catalogue()) {
		if m.Roles.Has(role) && wantsRecord(m) && m.Name != mutants.Conformant.Name {
			list = append(list, m)
		}
	}
	if len(list) == 0 {
		return
	}
	for name, got := range shareRecords(t, role, list) {
		m, _ := mutants.Find(name)
		if err := writeGolden(role, m, differences(got, sound)); err != nil {
			t.Error(err)
		}
	}
}

func wantsRecord(m mutants.Mutant) bool {
	return *onlyMutants == "" || slices.Contains(strings.Split(*onlyMutants, ","), m.Name)
}

// recordMutant has Autobahn judge a mutant.
func recordMutant(ctx context.Context, engine *autobahn.Engine, m mutants.Mutant, role mutants.Roles, list []cases.Case) (verdicts, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	var server *url.URL
	var driver runner.Driver
	if role == mutants.Client {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		driver.Command = []string{self, "-test.run=^TestDriveMutant$", "-mutants.drive=" + m.Name, "-mutants.url={url}"}
		served <- nil
	} else {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		server = &url.URL{Scheme: "ws", Host: l.Addr().String()}
		go func() { served <- m.Serve(ctx, l) }()
	}
	got := verdicts{}
	var broken []error
	emit := func(r harness.Result) {
		got[r.Case] = verdictOf(r)
		if !r.Outcome.Ran() && r.Outcome != harness.NotRun && r.Outcome != harness.Blocked {
			broken = append(broken, fmt.Errorf("case %s: %s: %s", r.Case, r.Outcome, r.Note))
		}
	}
	var err error
	if role == mutants.Client {
		_, err = engine.TestClient(ctx, m.Name, driver, list, runner.Options{}, emit)
	} else {
		_, err = engine.TestServer(ctx, m.Name, server, list, runner.Options{}, emit)
	}
	if errors.As(err, new(*runner.DriverError)) {
		err = nil // Autobahn refused every handshake, and keeps no record of that
	}
	cancel()
	return got, errors.Join(append(broken, err, <-served)...)
}

// TestDriveMutant is the client that a recording starts.
func TestDriveMutant(t *testing.T) {
	if *driveMutant == "" {
		t.Skip("started by the recording")
	}
	m, ok := mutants.Find(*driveMutant)
	if !ok {
		t.Fatalf("there is no mutant %q", *driveMutant)
	}
	if err := m.Drive(t.Context(), *driveURL, m.Name); err != nil {
		t.Fatal(err)
	}
}

// differences returns the verdicts that are not those on the conformant peer.
func differences(got, sound verdicts) verdicts {
	d := verdicts{}
	for id, v := range got {
		if v.String() != sound[id].String() {
			d[id] = v
		}
	}
	return d
}

// writeGolden writes a mutant's file, a line for each case.
func writeGolden(role mutants.Roles, m mutants.Mutant, v verdicts) error {
	var lines []string
	for _, c := range casesOf(v) {
		line, err := json.Marshal(map[cases.ID]*golden{c.ID: v[c.ID]})
		if err != nil {
			return err
		}
		lines = append(lines, strings.Trim(string(line), "{}"))
	}
	out := "{\n" + strings.Join(lines, ",\n") + "\n}\n"
	if len(lines) == 0 {
		out = "{}\n"
	}
	if err := os.MkdirAll(goldenDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(goldenFile(role, m.Name), []byte(out), 0o644)
}
