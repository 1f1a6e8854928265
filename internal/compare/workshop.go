package compare

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/agentfile"
)

// A Workshop builds agents. The zero value uses the user's cache folder.
type Workshop struct {
	// Dir holds the built agents. "" means the folder wsconform/agents of the
	// user's cache.
	Dir string
	// Patience bounds one build. 0 means 20 minutes.
	Patience time.Duration
	// Again builds also what is built.
	Again bool
	// Program is a command that hands the arguments behind it to [ParseSupervisor].
	// Nil means "agent supervise" of this program.
	Program []string
}

const buildPatience = 20 * time.Minute

// A Built agent can be started.
type Built struct {
	agentfile.Agent
	Key     string // of the content that was built, in hex
	Dir     string // the private copy of the folder
	Version string // as the agent itself says, else as its agent.yaml says
	Log     string // path of the build's output
}

// Build makes sure that the agent is built and returns it. The error is a
// [*harness.UntestableError] where that is the agent's trouble, with what the
// build printed last.
func (w *Workshop) Build(ctx context.Context, a agentfile.Agent) (*Built, error) {
	if err := missing(a); err != nil {
		return nil, err
	}
	key, err := keyOf(a)
	if err != nil {
		return nil, err
	}
	root, err := w.root()
	if err != nil {
		return nil, err
	}
	b := &Built{Agent: a, Key: key, Dir: filepath.Join(root, a.Folder+"-"+key[:16])}
	b.Log = b.Dir + ".log"
	unlock, err := lock(ctx, b.Dir+".lock")
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", a.Folder, err)
	}
	defer unlock()
	if b.Version, err = readStamp(b.Dir); err == nil && !w.Again {
		return b, nil
	}
	if err := unpack(b.Dir, a.Files); err != nil {
		return nil, fmt.Errorf("build %s: %w", a.Folder, err)
	}
	if err := w.build(ctx, b); err != nil {
		return nil, err
	}
	b.Version = w.probe(ctx, b)
	return b, writeStamp(b.Dir, b.Version)
}

func (w *Workshop) root() (string, error) {
	root := w.Dir
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find the cache folder: %w", err)
		}
		root = filepath.Join(cache, "wsconform", "agents")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	return root, os.MkdirAll(root, 0o755)
}

// build runs the agent's build command, with its output in the log.
func (w *Workshop) build(ctx context.Context, b *Built) error {
	log, err := os.Create(b.Log)
	if err != nil {
		return fmt.Errorf("build %s: %w", b.Folder, err)
	}
	defer log.Close()
	if len(b.Build) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(w.Patience, buildPatience), errPatience)
	defer cancel()
	_, err = w.kept(ctx, b, buildBounds, b.Build, log)
	return w.explain(ctx, b, err)
}

var errPatience = errors.New("it took too long")

// buildBounds are what a build may use: compilers need more than what they make.
var buildBounds = agentfile.Resources{Memory: 8 << 30, PIDs: 2000}

// kept runs a command of the agent to its end, and returns what it printed last.
func (w *Workshop) kept(ctx context.Context, b *Built, bounds agentfile.Resources, command []string, log io.Writer) (output string, err error) {
	p, err := agent.Start(w.supervise(b, bounds, confinement{}, b.command(command, nil)), nil, log)
	if err != nil {
		return "", err
	}
	defer p.Stop()
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop()
		return p.Output(), context.Cause(ctx)
	}
	if p.Success() {
		return p.Output(), nil
	}
	return p.Output(), p.Ended()
}

// explain turns the error of a build into its meaning.
func (w *Workshop) explain(ctx context.Context, b *Built, err error) error {
	if err == nil {
		return nil
	}
	output := tailOf(b.Log)
	var exit *agent.ExitError
	cause, how := harness.CauseBuild, err
	switch {
	case errors.Is(context.Cause(ctx), errPatience):
		cause, how = harness.CauseHang, errPatience
	case ctx.Err() != nil:
		return fmt.Errorf("build %s: %w", b.Folder, context.Cause(ctx))
	case speaksOfNetwork(output):
		cause, how = harness.CauseNetwork, errors.New("a registry could not be reached")
	case errors.As(err, &exit):
		how = errors.New(exit.Status)
	}
	return &harness.UntestableError{Cause: cause, Err: fmt.Errorf(
		"build %s: %w; the whole output is in %s; it last said:\n%s", b.Folder, how, b.Log, lastLines(output, 12))}
}

// tailOf returns the end of a log.
func tailOf(path string) string {
	const limit = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		_, _ = f.Seek(-limit, io.SeekEnd)
	}
	p, _ := io.ReadAll(io.LimitReader(f, limit))
	return string(p)
}

// networkWords are how package managers report that the network is unreachable.
var networkWords = []string{
	"could not resolve", "temporary failure in name resolution", "no such host", "connection refused", "network is unreachable",
	"econnrefused", "enotfound", "eai_again", "etimedout", "proxyconnect", "proxyerror", "failed to establish a new connection",
	"could not transfer artifact", "i/o timeout", "connection timed out", "could not connect to", "couldn't connect to",
}

func speaksOfNetwork(output string) bool {
	output = strings.ToLower(output)
	return slices.ContainsFunc(networkWords, func(words string) bool { return strings.Contains(output, words) })
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// missing says which programs the agent needs and are not there.
func missing(a agentfile.Agent) error {
	var missing []string
	for _, name := range a.Needs {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err := fmt.Errorf("%s needs %s, which is not installed here", a.Folder, strings.Join(missing, ", "))
	if len(a.Debian) > 0 {
		err = fmt.Errorf("%w; on Debian: apt-get install %s", err, strings.Join(a.Debian, " "))
	}
	return &harness.UntestableError{Cause: harness.CauseMissing, Err: err}
}

// keyOf is the hash of everything that a build depends on: the folder and, for an
// agent that is part of wsconform, this program.
func keyOf(a agentfile.Agent) (string, error) {
	commands := slices.Concat(a.Build, a.Server, a.Client, a.Gateway, a.Probe)
	if !slices.ContainsFunc(commands, func(arg string) bool { return strings.Contains(arg, "{wsconform}") }) {
		return a.Hash(), nil
	}
	program, err := programHash()
	if err != nil {
		return "", fmt.Errorf("hash our own program: %w", err)
	}
	sum := sha256.Sum256([]byte(a.Hash() + program))
	return hex.EncodeToString(sum[:]), nil
}

func ourProgram() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

var programHash = sync.OnceValues(func() (string, error) {
	f, err := os.Open(ourProgram())
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
})

// command puts values into a command of the agent.
func (b *Built) command(command []string, vars map[string]string) []string {
	all := maps.Clone(vars)
	if all == nil {
		all = map[string]string{}
	}
	all["wsconform"] = ourProgram()
	args, err := agent.Expand(command, all)
	if err != nil {
		return command
	}
	return args
}

// probe asks the built agent for the library's version.
func (w *Workshop) probe(ctx context.Context, b *Built) string {
	if len(b.Probe) == 0 {
		return b.Agent.Version
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	output, err := w.kept(ctx, b, b.Bounds(), b.Probe, nil)
	if err != nil {
		return b.Agent.Version
	}
	if line := lastLines(output, 1); line != "" && len(line) <= 80 {
		return line
	}
	return b.Agent.Version
}

// unpack makes dir a fresh copy of the files.
func unpack(dir string, files []agentfile.File) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // no file gets out of it
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A stamp beside the copy says that its build came to an end.
type stamp struct {
	Version string `json:"version"`
}

func readStamp(dir string) (version string, err error) {
	p, err := os.ReadFile(dir + ".built")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err != nil {
		return "", err
	}
	var s stamp
	err = json.Unmarshal(p, &s)
	return s.Version, err
}

func writeStamp(dir, version string) error {
	p, err := json.Marshal(stamp{version})
	if err != nil {
		return err
	}
	return os.WriteFile(dir+".built", p, 0o644)
}
