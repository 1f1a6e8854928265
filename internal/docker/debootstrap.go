package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/owner"
)

// A BaseError says why no base image could be made from packages, and what to do
// about it.
type BaseError struct {
	Suite string
	Cause string // "debootstrap is not installed", …
	Hint  string // what to do, "" if unknown
	Err   error  // may be nil
}

func (e *BaseError) Error() string {
	s := "make a base image of Debian " + e.Suite + ": " + e.Cause
	if e.Hint != "" {
		s += "\n" + e.Hint
	}
	return s
}

// Unwrap returns the underlying error, or nil.
func (e *BaseError) Unwrap() error { return e.Err }

// Debootstrap makes a minimal Debian image called ref, for machines without a
// registry. The tool debootstrap builds it from the packages of host's mirror, which
// takes half a minute, root, and 300 MB of temporary files. If that is impossible
// the error is a [*BaseError].
func (e *Engine) Debootstrap(ctx context.Context, suite, ref string, host Host, progress func(line string)) (Image, error) {
	if progress == nil {
		progress = func(string) {}
	}
	if runtime.GOOS != "linux" {
		return Image{}, &BaseError{Suite: suite, Cause: "that needs Linux", Hint: "pull a base image, or load one with docker load"}
	}
	tool, err := exec.LookPath("debootstrap")
	if err != nil && exists("/usr/sbin/debootstrap") {
		tool, err = "/usr/sbin/debootstrap", nil
	}
	if err != nil {
		return Image{}, &BaseError{
			Suite: suite, Cause: "debootstrap is not installed", Err: err,
			Hint: "install it (apt-get install debootstrap), or load an image with docker load",
		}
	}
	if os.Geteuid() != 0 {
		return Image{}, &BaseError{
			Suite: suite, Cause: "debootstrap needs root",
			Hint: "run this once as root, or load an image with docker load",
		}
	}
	dir, err := owner.TempDir("base")
	if err != nil {
		return Image{}, fmt.Errorf("docker: debootstrap %s: %w", suite, err)
	}
	// Nothing is mounted below dir, see isolate, so this stays inside.
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return Image{}, fmt.Errorf("docker: debootstrap %s: %w", suite, err)
	}

	args := []string{"--variant=minbase", suite, dir}
	if mirror := host.DebianMirror(); mirror != "" {
		args = append(args, mirror)
	}
	if out, err := runTool(ctx, progress, tool, args...); err != nil {
		base := &BaseError{Suite: suite, Cause: "debootstrap failed: " + err.Error() + "\n" + indent(out), Err: classify(err, out)}
		if errors.Is(base.Err, ErrNetwork) {
			base.Hint = "this machine cannot reach its package mirror; set http_proxy or WSCONFORM_DEBIAN_MIRROR, " +
				"or copy an image here with docker save and docker load"
		}
		if ctx.Err() != nil {
			return Image{}, fmt.Errorf("docker: debootstrap %s: %w", suite, context.Cause(ctx))
		}
		return Image{}, base
	}
	progress("importing " + ref)
	tarball, stop := stream(func(w io.Writer) error {
		cmd := exec.CommandContext(ctx, "tar", "-C", dir, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb",
			"--exclude=./var/lib/apt/lists/*_*", "-c", ".")
		cmd.Stdout = w
		cmd.WaitDelay = 5 * time.Second
		return cmd.Run()
	})
	defer stop()
	return e.Import(ctx, tarball, ref, map[string]string{"wsconform.base": "debootstrap " + suite})
}

// runTool runs a program and returns the last lines of its output. When ctx ends it
// kills the program with all its children.
func runTool(ctx context.Context, progress func(string), name string, args ...string) (tail string, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	isolate(cmd)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	done := make(chan struct{})
	var lines []string
	go func() {
		defer close(done)
		for sc := bufio.NewScanner(r); sc.Scan(); {
			line := clean(sc.Text())
			if lines = append(lines, line); len(lines) > 10 {
				lines = lines[1:]
			}
			progress(line)
		}
		_, _ = io.Copy(io.Discard, r) // an overlong line ends the scan, not the program
	}()
	err = cmd.Run()
	_ = w.Close()
	<-done
	return strings.Join(lines, "\n"), err
}

func indent(s string) string {
	var b bytes.Buffer
	for line := range strings.Lines(s) {
		b.WriteString("    " + line)
	}
	return b.String()
}
