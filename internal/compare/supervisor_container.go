package compare

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/docker"
)

// Isolation says what an agent is kept in.
type Isolation string

// The isolations.
const (
	// NoIsolation runs agents as processes of the machine, within bounds of
	// memory and processes that are watched.
	NoIsolation Isolation = "none"
	// InContainer runs agents in containers that have the programs of the
	// machine, and their own folder, for reading only; no other file; no
	// capability; a folder in memory for what they write; and bounds of
	// processors, memory and processes that the kernel keeps. They reach the
	// harness and no other network: an address that the harness listens on, with
	// nothing in between that would hide how a connection ends. What else listens on
	// all addresses of this machine is not kept from them.
	InContainer Isolation = "docker"
)

// rootImage is an image without a single file: links and mount points. Its sbin is
// a folder, since the engine puts its init there.
const rootImage = "wsconform/agent-root:1"

// Contain creates the network that contained agents are on, and the image for them. Done
// removes what the comparison may have left.
func Contain(ctx context.Context) (network *docker.Network, done func(), err error) {
	containers, err := docker.Connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := ensureRoot(ctx, containers); err != nil {
		return nil, nil, errors.Join(err, containers.Close())
	}
	network, err = containers.CreateNetwork(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, containers.Close())
	}
	return network, func() {
		ctx := context.WithoutCancel(ctx)
		_, _ = containers.Clean(ctx, docker.CleanOptions{}) // the containers of supervisors that were killed
		_ = network.Remove(ctx)                             // a later clean does it if this cannot
		_ = containers.Close()
	}, nil
}

// ensureRoot creates the image for agents in containers, if it does not exist.
func ensureRoot(ctx context.Context, engine *docker.Engine) error {
	_, err := engine.Image(ctx, rootImage)
	if !errors.Is(err, docker.ErrNotFound) {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, dir := range []string{"usr", "etc", "tmp", "proc", "sys", "dev", "sbin"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
			return err
		}
	}
	for _, name := range []string{"bin", "lib", "lib32", "lib64"} {
		target, readErr := os.Readlink("/" + name)
		if readErr != nil {
			continue // a folder: it is mounted
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = engine.Import(ctx, &archive, rootImage, nil)
	return err
}

// etc are the parts of /etc that programs need to run.
var etc = []string{
	"alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group", "nsswitch.conf", "localtime", "ssl",
	"fonts", "perl", "mono", "ImageMagick-6", "chromium", "chromium.d", "firefox-esr", "mime.types",
}

// mounts are what a contained agent sees of the machine, all of it for reading
// only: its programs, and its own folder.
func (b *Built) mounts() []string {
	list := []string{"/usr", b.Dir}
	for _, name := range []string{"/bin", "/lib", "/lib32", "/lib64"} {
		if info, err := os.Lstat(name); err == nil && info.IsDir() {
			list = append(list, name)
		}
	}
	for _, name := range etc {
		list = append(list, filepath.Join("/etc", name))
	}
	list = append(list, javaConfigurations()...)
	list = append(list, ourProgram())
	for _, name := range b.Needs {
		if path, ok := program(name); ok {
			list = append(list, installation(path))
		}
	}
	list = append(list, b.linked()...)
	var out []string
	for _, path := range list {
		inside := slices.ContainsFunc(out, func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") })
		if _, err := os.Stat(path); err == nil && !inside {
			out = append(out, path)
		}
	}
	return out
}

// searchPath is where contained agents look for programs: PATH without the shims of
// version managers such as pyenv and rbenv, which would need the whole of these.
func searchPath() []string {
	return slices.DeleteFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool { return filepath.Base(dir) == "shims" })
}

// program finds a program as a contained agent will.
func program(name string) (path string, ok bool) {
	for _, dir := range searchPath() {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, true
		}
	}
	return "", false
}

func javaConfigurations() []string {
	list, _ := filepath.Glob("/etc/java*")
	return list
}

// installation is the folder that a program was installed in: the one above its
// bin, or else the one that it is in.
func installation(program string) string {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return program
	}
	dir := filepath.Dir(path)
	if filepath.Base(dir) == "bin" && filepath.Dir(dir) != "/" {
		return filepath.Dir(dir)
	}
	return dir
}

// linked lists the installations that links in the agent's folder lead to, such as
// that of a virtual environment's Python.
func (b *Built) linked() []string {
	var list []string
	_ = filepath.WalkDir(b.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return nil //nolint:nilerr // what cannot be read is no link
		}
		if target, err := filepath.EvalSymlinks(path); err == nil && !strings.HasPrefix(target, b.Dir+"/") {
			if dir := installation(path); !slices.Contains(list, dir) {
				list = append(list, dir)
			}
		}
		return nil
	})
	return list
}

// runContained is Run in a container.
func (k Supervisor) runContained(ctx context.Context, command []string) error {
	engine, err := docker.Connect(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	spec := docker.Spec{
		Image: k.Image, Command: command, Dir: k.Dir, Network: k.Network, Tmpfs: []string{"/tmp"}, ReadOnly: true, Init: true,
		DNS:    []string{"127.0.0.1"}, // in the container, where nothing answers; the engine would ask outside for it
		Env:    append([]string{"PATH=" + strings.Join(searchPath(), string(filepath.ListSeparator)), "HOME=/tmp", "TMPDIR=/tmp", "LANG=C.UTF-8"}, k.Env...),
		Memory: int64(k.Bounds.Memory), CPUs: k.Bounds.CPUs, PIDs: k.Bounds.PIDs,
	}
	for _, path := range k.Mounts {
		spec.Mounts = append(spec.Mounts, docker.Mount{Source: path, Target: path, ReadOnly: true})
	}
	c, err := engine.Run(ctx, spec)
	if err != nil {
		return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf("%w: %w", agent.ErrNotStarted, err)}
	}
	defer c.Remove(context.WithoutCancel(ctx)) //nolint:errcheck // Clean removes it later
	err = k.tellPlace(ctx, c)
	if err != nil && !errors.Is(err, docker.ErrNotFound) { // it may have ended
		return err
	}
	logged := make(chan struct{})
	lacked := "" // what it said of processes and threads that it could not start
	go func() {
		defer close(logged)
		_ = c.Logs(ctx, func(_ docker.Stream, line string) {
			fmt.Fprintln(k.Output, line)
			if k.Bounds.PIDs > 0 && speaksOfProcesses(line) {
				lacked = strings.ToValidUTF8(line[:min(200, len(line))], "\uFFFD")
			}
		})
	}()
	exit, err := c.Wait(ctx)
	stopped := ctx.Err() != nil
	if stopped {
		_ = c.Remove(context.WithoutCancel(ctx)) // which ends the log
	}
	<-logged
	switch {
	case stopped && lacked == "":
		return context.Cause(ctx)
	case !stopped && err != nil:
		return err
	case exit.OOMKilled:
		return &harness.UntestableError{Cause: harness.CauseMemory, Err: fmt.Errorf("%w: it may use %v of memory and wanted more", errEnded, k.Bounds.Memory)}
	case lacked != "" && (stopped || exit.Code != 0): // one that goes on may hang for it
		return &harness.UntestableError{Cause: harness.CauseProcess, Err: fmt.Errorf(
			"%w: it may have %d processes and threads and wanted more: %s", errEnded, k.Bounds.PIDs, lacked)}
	case exit.Code != 0:
		return fmt.Errorf("exit status %d", exit.Code)
	}
	return nil
}

// processWords are how shells and runtimes say that the kernel lets them have no
// more processes or threads. The kernel's own count of that goes with the container.
var processWords = []string{
	"cannot fork", "fork: retry", "fork: resource temporarily unavailable", "can't start new thread", "can't create thread",
	"unable to create native thread", "failed to create new os thread", "uv_thread_create",
}

func speaksOfProcesses(line string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc(processWords, func(words string) bool { return strings.Contains(line, words) })
}

// tellPlace writes where the container is, for [session.start].
func (k Supervisor) tellPlace(ctx context.Context, c *docker.Container) error {
	if k.Place == "" {
		return nil
	}
	place, err := c.Locate(ctx, k.Network)
	if err != nil {
		return err
	}
	text, err := json.Marshal(place)
	if err != nil {
		return err
	}
	return atomicfile.Write(k.Place, func(w io.Writer) error { // the reader sees all of it or nothing
		_, err := w.Write(text)
		return err
	})
}
