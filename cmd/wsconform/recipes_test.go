package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The CI recipes are run here as they are, with this program in place of the one
// that they would build or install.

// self links this test binary under the name of the program, which it then is.
func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "wsconform")
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	return link
}

func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed", p)
		}
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(p, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// runIn runs a command in the folder with this environment and nothing of ours
// but the path, and returns what it prints and its exit code.
func runIn(t *testing.T, dir string, env map[string]string, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, k+"="+env[k])
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

type action struct {
	Inputs map[string]struct {
		Description string `yaml:"description"`
		Default     string `yaml:"default"`
	} `yaml:"inputs"`
	Runs struct {
		Using string       `yaml:"using"`
		Steps []actionStep `yaml:"steps"`
	} `yaml:"runs"`
}

type actionStep struct {
	Name  string            `yaml:"name"`
	ID    string            `yaml:"id"`
	Uses  string            `yaml:"uses"`
	Shell string            `yaml:"shell"`
	Run   string            `yaml:"run"`
	Env   map[string]string `yaml:"env"`
}

func TestActionIsPinned(t *testing.T) {
	var a action
	readYAML(t, "../../action.yml", &a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("%+v is no composite action", a.Runs)
	}
	for name, in := range a.Inputs {
		if in.Description == "" {
			t.Errorf("input %s has no description", name)
		}
	}
	for _, s := range a.Runs.Steps {
		switch {
		case s.Uses != "" && !regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`).MatchString(s.Uses):
			t.Errorf("%s: %s is not pinned to a commit", s.Name, s.Uses)
		case s.Run != "" && s.Shell == "":
			t.Errorf("%s: no shell", s.Name)
		case strings.Contains(s.Run, "${{"):
			t.Errorf("%s: an expression in the text of a script lets its value be run", s.Name)
		}
	}
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.-]+) *\}\}`)

func TestAction(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays whole runs")
	}
	need(t, "bash")
	program := self(t)
	for _, row := range []struct {
		name    string
		inputs  map[string]string
		exit    int
		summary string // in the step summary
		output  string // in what is printed
	}{
		{
			"a good server",
			map[string]string{"server-cmd": program + " echo --addr {host}:{port}", "agent": "echo"},
			0, "## echo: No failure in 8 cases", "::notice title=echo::No failure in 8 cases",
		},
		{
			"a good client",
			map[string]string{"client-cmd": program + " drive {url}", "agent": "drive"},
			0, "## drive: No failure in 8 cases", "::notice title=drive",
		},
		{
			"a bad server",
			map[string]string{"server-cmd": program + " echo --addr {host}:{port} --fault always-text", "agent": "bad; echo injected", "cases": "1.1.*,1.2.1"},
			1, "1 of 9 fails", "::error title=bad; echo injected%3A case 1.2.1::",
		},
		{"no server", map[string]string{"url": "ws://127.0.0.1:1"}, 5, "", "::error title="},
		{"nothing to test", nil, 2, "", "::error title=wsconform::no case was run"},
		{"a typing error", map[string]string{"url": "ws://127.0.0.1:1", "cases": "1.1"}, 2, "", "no case matches 1.1"},
		{"a missing expectation file", map[string]string{"url": "ws://127.0.0.1:1", "expect": "none.yaml"}, 2, "", "none.yaml"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var a action
			readYAML(t, "../../action.yml", &a)
			dir := t.TempDir()
			known := map[string]string{"steps.build.outputs.binary": program, "github.action_path": dir, "runner.temp": dir}
			for name, in := range a.Inputs {
				known["inputs."+name] = in.Default
			}
			known["inputs.cases"], known["inputs.binary"] = "1.1.*", program
			for name, value := range row.inputs {
				known["inputs."+name] = value
			}
			summary, outputs := filepath.Join(dir, "summary.md"), filepath.Join(dir, "outputs")
			var printed strings.Builder
			exit := 0
			for _, s := range a.Runs.Steps {
				if s.Run == "" || exit != 0 {
					continue
				}
				env := map[string]string{"GITHUB_STEP_SUMMARY": summary, "GITHUB_OUTPUT": outputs}
				for k, v := range s.Env {
					env[k] = expression.ReplaceAllStringFunc(v, func(x string) string {
						value, ok := known[expression.FindStringSubmatch(x)[1]]
						if !ok {
							t.Errorf("%s: %s is nothing", s.Name, x)
						}
						return value
					})
				}
				var out string
				out, exit = runIn(t, dir, env, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", s.Run)
				printed.WriteString(out)
			}
			if exit != row.exit {
				t.Errorf("exit code %d, want %d:\n%s", exit, row.exit, printed.String())
			}
			if !strings.Contains(printed.String(), row.output) {
				t.Errorf("no %q in:\n%s", row.output, printed.String())
			}
			got, _ := os.ReadFile(summary)
			if !strings.Contains(string(got), row.summary) {
				t.Errorf("no %q in the summary:\n%s", row.summary, got)
			}
			if got, _ := os.ReadFile(outputs); !strings.Contains(string(got), fmt.Sprintf("exit-code=%d\n", row.exit)) {
				t.Errorf("outputs %q, want the exit code among them", got)
			}
		})
	}
}

func TestGitLab(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays whole runs")
	}
	need(t, "sh")
	program := self(t)
	var file map[string]struct {
		Image     string            `yaml:"image"`
		Variables map[string]string `yaml:"variables"`
		Script    []string          `yaml:"script"`
		Artifacts struct {
			When    string            `yaml:"when"`
			Reports map[string]string `yaml:"reports"`
		} `yaml:"artifacts"`
	}
	readYAML(t, "../../docs/ci/gitlab.yml", &file)
	job, ok := file[".wsconform"]
	if !ok || job.Artifacts.When != "always" || strings.HasSuffix(job.Image, ":latest") || !strings.Contains(job.Image, ":") {
		t.Fatalf("%+v", file)
	}
	for _, row := range []struct {
		name      string
		variables map[string]string
		exit      int
	}{
		{"a good server", map[string]string{"WSCONFORM_SERVER": program + " echo --addr {host}:{port}", "WSCONFORM_FLAGS": "--cases '1.1.*,2.1'"}, 0},
		{"a good client", map[string]string{"WSCONFORM_CLIENT": program + " drive {url}", "WSCONFORM_FLAGS": "--cases '1.1.*'"}, 0},
		{"a bad server", map[string]string{"WSCONFORM_SERVER": program + " echo --addr {host}:{port} --fault always-text", "WSCONFORM_FLAGS": "--cases '1.1.*,1.2.1'"}, 1},
		{"a typing error", map[string]string{"WSCONFORM_SERVER": "x", "WSCONFORM_FLAGS": "--cases 1.1"}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			env := maps.Clone(job.Variables)
			maps.Copy(env, row.variables)
			env["WSCONFORM"] = program
			out, exit := runIn(t, dir, env, "sh", "-e", "-c", strings.Join(job.Script, "\n"))
			if exit != row.exit {
				t.Errorf("exit code %d, want %d:\n%s", exit, row.exit, out)
			}
			if row.exit > 1 {
				return
			}
			name := strings.ReplaceAll(job.Artifacts.Reports["junit"], "$WSCONFORM_OUT", env["WSCONFORM_OUT"])
			p, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || xml.Unmarshal(p, new(struct{})) != nil {
				t.Errorf("no JUnit: %v", err)
			}
		})
	}
	if out, exit := runIn(t, t.TempDir(), job.Variables, "sh", "-e", "-c", strings.Join(job.Script, "\n")); exit == 0 || !strings.Contains(out, "set WSCONFORM_VERSION") {
		t.Errorf("exit code %d without a version:\n%s", exit, out)
	}
}

func TestMakeFragment(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays whole runs")
	}
	need(t, "make")
	program := self(t)
	fragment, err := filepath.Abs("../../docs/ci/wsconform.mk")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, makefile string
		exit           int
		output         string
	}{
		{"a good server", "WSCONFORM_SERVER := " + program + " echo --addr {host}:{port}\nWSCONFORM_FLAGS = --cases '1.*.[12]$$'", 0, "4 cases: 4 pass"},
		{"a good client", "WSCONFORM_CLIENT := " + program + " drive {url}\nWSCONFORM_FLAGS = --cases '1.1.*'", 0, "8 cases: 8 pass"},
		{"a bad server", "WSCONFORM_SERVER := " + program + " echo --addr {host}:{port} --fault always-text\nWSCONFORM_FLAGS = --cases '1.1.*,1.2.1'", 2, "to repeat the first"},
		{"nothing to test", "", 2, "set WSCONFORM_SERVER or WSCONFORM_CLIENT"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			text := "WSCONFORM := " + program + "\n" + row.makefile + "\ninclude " + fragment + "\n"
			if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, exit := runIn(t, dir, nil, "make", "wsconform")
			if exit != row.exit || !strings.Contains(out, row.output) {
				t.Errorf("exit code %d, want %d and %q:\n%s", exit, row.exit, row.output, out)
			}
			if row.name != "a bad server" {
				return
			}
			// The failures become what is expected, and the gate holds.
			if out, exit := runIn(t, dir, nil, "make", "wsconform-baseline"); exit != 0 {
				t.Fatalf("exit code %d:\n%s", exit, out)
			}
			if out, exit := runIn(t, dir, nil, "make", "wsconform"); exit != 0 {
				t.Errorf("exit code %d with the baseline:\n%s", exit, out)
			}
		})
	}
	out, exit := runIn(t, t.TempDir(), nil, "make", "-f", fragment, "wsconform")
	if exit != 2 || !strings.Contains(out, "set WSCONFORM_VERSION to a tag or a commit") {
		t.Errorf("exit code %d without a version:\n%s", exit, out)
	}
}
