package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/owner"
)

// registries says how the client of each registry is asked for the newest version
// of one package, and where in its answer that stands: in the first group.
// Nothing is installed or changed.
var registries = map[string]struct {
	command []string // {name} is the package
	version *regexp.Regexp
}{
	"go":     {[]string{"go", "list", "-m", "-f", "{{.Version}}", "{name}@latest"}, regexp.MustCompile(`(?m)^v(\S+)$`)},
	"pypi":   {[]string{"python3", "-m", "pip", "index", "versions", "{name}"}, regexp.MustCompile(`(?m)^\S+ \((\S+)\)$`)},
	"npm":    {[]string{"npm", "view", "{name}", "version"}, regexp.MustCompile(`(?m)^(\d\S*)$`)},
	"crates": {[]string{"cargo", "info", "--color", "never", "{name}"}, regexp.MustCompile(`(?m)^version: (\S+)`)},
	"maven": {
		// It reads the agent's own pom.xml, and says nothing of what is up to date.
		[]string{"mvn", "-B", "-N", "org.codehaus.mojo:versions-maven-plugin:2.18.0:display-dependency-updates"},
		regexp.MustCompile(`(?m)^\[INFO\]   {name} \.*(?:\s+\[INFO\])?\s+\S+ -> (\S+)`),
	},
	"debian": {[]string{"apt-cache", "policy", "{name}"}, regexp.MustCompile(`(?m)^ +Candidate: (\S+)$`)},
}

// ErrNoRegistry means that the library is a part of its language's runtime.
var ErrNoRegistry = errors.New("it comes with its language")

// Latest asks the registry of the agent's library for the newest version.
func Latest(ctx context.Context, a agentfile.Agent) (string, error) {
	r, known := registries[a.Package.Registry]
	if !known {
		return "", ErrNoRegistry
	}
	name := a.Package.Name
	if strings.HasPrefix(name, "-") {
		return "", fmt.Errorf("%q is no package", name)
	}
	dir, err := owner.TempDir("update")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for _, f := range a.Files {
		if f.Path == "pom.xml" {
			if err := os.WriteFile(filepath.Join(dir, f.Path), f.Data, 0o644); err != nil {
				return "", err
			}
		}
	}
	args := make([]string, len(r.command))
	for i, arg := range r.command {
		args[i] = strings.ReplaceAll(arg, "{name}", name)
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return "", fmt.Errorf("%s is not installed here", args[0])
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", args[0], err, lastLines(errs.String()+out.String(), 2))
	}
	return newest(a, r.version, out.String())
}

// newest finds the version in what the registry's client printed.
func newest(a agentfile.Agent, pattern *regexp.Regexp, output string) (string, error) {
	if strings.Contains(pattern.String(), "{name}") {
		pattern = regexp.MustCompile(strings.ReplaceAll(pattern.String(), "{name}", regexp.QuoteMeta(a.Package.Name)))
	}
	m := pattern.FindStringSubmatch(output)
	switch {
	case m != nil && a.Package.Registry == "debian" && isRevision(m[1], a.Version):
		return a.Version, nil
	case m != nil:
		return m[1], nil
	case a.Package.Registry == "maven":
		return a.Version, nil
	}
	return "", fmt.Errorf("no version in the answer: %s", lastLines(output, 2))
}

// isRevision reports whether Debian's version is one of the upstream version: that,
// and what Debian puts before and behind it.
func isRevision(debian, upstream string) bool {
	if _, version, found := strings.Cut(debian, ":"); found {
		debian = version // without the epoch
	}
	rest, same := strings.CutPrefix(debian, upstream)
	return same && (rest == "" || strings.ContainsRune(".-+~", rune(rest[0])))
}
