package autobahn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/owner"
	"github.com/wsconform/wsconform/internal/runfile"
)

// copyLimits bound what is copied out of a container. A case has two files, and an
// honest agent's largest report has a few hundred kilobytes.
var copyLimits = docker.Limits{Files: 4000, Bytes: 1 << 30}

const (
	// cleanupTime bounds the work after an interrupt.
	cleanupTime = 30 * time.Second
	// reportTime bounds how long Autobahn may take to write its reports, and we to copy
	// them, on a busy machine.
	reportTime = 5 * time.Minute
)

// detached returns a context for saving results after an interrupt.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// A parcel is the outcome of a part: a copy of its folder of reports, and their content
// about the agent. The zero value is no outcome.
type parcel struct {
	dir     string // temporary
	agent   string // the name in the reports
	results []harness.Result
}

// collect copies a folder of reports out of the container and reads those of the agent.
// A nil choose means that there is only one agent. Even with an error the caller must
// keep the parcel or remove its folder.
func (r *run) collect(ctx context.Context, c *docker.Container, choose func([]string) (string, error)) (p parcel, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	defer cancel()
	if p.dir, err = owner.TempDir("part"); err != nil {
		return p, err
	}
	if err := c.CopyOut(ctx, reportDir, p.dir, copyLimits); err != nil {
		return p, err
	}
	p.agent = r.name
	agent := ""
	if choose != nil {
		names, err := Agents(os.DirFS(p.dir))
		if err == nil {
			agent, err = choose(names)
		}
		if err != nil {
			return p, err
		}
		p.agent = agent
	}
	p.results, err = ReadReports(os.DirFS(p.dir), agent)
	r.inOrder(p.results)
	return p, err
}

// keep puts the reports where the user wants them. It runs after the results were
// emitted, since those matter more if the disk is full. After an error it keeps no
// more reports.
func (r *run) keep(p parcel) {
	if p.dir == "" {
		return
	}
	defer os.RemoveAll(p.dir)
	if r.keptErr != nil || len(p.results) == 0 {
		return
	}
	if err := r.reports.add(p.dir); err != nil {
		r.keptErr = fmt.Errorf("Autobahn's own reports could not all be kept: %w", err)
	}
}

// add copies the files of a part to the folder, and adds its index to the folder's. It
// drops Autobahn's index.html, which describes only one part.
func (f *reportFolder) add(part string) error {
	if f.temporary {
		return nil
	}
	merged := map[string]map[string]json.RawMessage{}
	for _, dir := range []string{f.dir, part} {
		var one map[string]map[string]json.RawMessage
		if err := readJSON(os.DirFS(dir), "index.json", &one); err != nil {
			if dir == f.dir && errors.Is(err, os.ErrNotExist) {
				continue
			}
			return fmt.Errorf("merge reports: %w", err)
		}
		for agent, list := range one {
			if merged[agent] == nil {
				merged[agent] = map[string]json.RawMessage{}
			}
			maps.Copy(merged[agent], list)
		}
	}
	index, err := json.MarshalIndent(merged, "", "   ")
	if err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	if err := copyReports(f.dir, part, index, f.secrets); err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	return nil
}

// copyReports copies the reports of a part, with secrets masked, and replaces the
// index, or does neither: if the disk is full, the rest of it is for the results.
func copyReports(to, from string, index []byte, secrets *runfile.Secrets) (err error) {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var made []string
	write := func(name string, p []byte) error {
		made = append(made, filepath.Join(to, name))
		return os.WriteFile(made[len(made)-1], p, 0o644)
	}
	defer func() {
		if err != nil {
			for _, name := range made {
				os.Remove(name) //nolint:errcheck // the error before this one is reported
			}
		}
	}()
	for _, file := range files {
		if name := file.Name(); name != "index.json" && name != "index.html" {
			p, err := os.ReadFile(filepath.Join(from, name))
			if err == nil {
				err = write(name, secrets.Data(p))
			}
			if err != nil {
				return err
			}
		}
	}
	if err := write(".index.json", index); err != nil {
		return err
	}
	return os.Rename(filepath.Join(to, ".index.json"), filepath.Join(to, "index.json"))
}

// ourFiles matches the files that Autobahn writes for a case.
var ourFiles = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9_]*_case_[0-9_]+\.(json|html)$`) })

// A reportFolder is the folder that reports are copied to.
type reportFolder struct {
	dir       string
	temporary bool
	secrets   *runfile.Secrets // masks what it knows in the reports
}

// open creates the folder, and removes the reports of an earlier run.
func (f *reportFolder) open(dir string) error {
	if dir != "" {
		f.dir = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return f.empty()
	}
	var err error
	f.dir, err = owner.TempDir("autobahn")
	f.temporary = true
	return err
}

func (f *reportFolder) empty() error {
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if name := file.Name(); name == "index.json" || ourFiles().MatchString(name) {
			if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *reportFolder) close() error {
	if f.temporary {
		return os.RemoveAll(f.dir)
	}
	return nil
}
