package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Limits bound what [Container.CopyOut] writes. Zero values mean the defaults, which
// are well above a report of all Autobahn cases for ten agents.
type Limits struct {
	Files int   // files and folders; 0 is 50,000
	Bytes int64 // 0 is 4 GiB
}

// CopyOut copies a file, or the content of a folder, from the container to the
// folder dir, which it creates if needed. It replaces existing files. The container
// may be running or have exited.
//
// The content of a container is hostile input. CopyOut takes only regular files and
// folders, gives them the permissions of new files, and touches nothing outside dir.
// A path that leads out of dir, a link, a device, or more than limits allow stops
// the copy with an error that matches [ErrUnsafe]; files copied before that stay. If
// source does not exist the error matches [ErrNotFound].
func (c *Container) CopyOut(ctx context.Context, source, dir string, limits Limits) error {
	if limits.Files == 0 {
		limits.Files = 50_000
	}
	if limits.Bytes == 0 {
		limits.Bytes = 4 << 30
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("docker: copy %s: %w", source, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("docker: copy %s: %w", source, err)
	}
	defer root.Close()
	return c.untar(ctx, source, func(e entry) error {
		if limits.Files--; limits.Files < 0 {
			return fmt.Errorf("%w: too many files", ErrUnsafe)
		}
		if limits.Bytes -= e.Size; e.Size < 0 || limits.Bytes < 0 {
			return fmt.Errorf("%w: %s: too much data", ErrUnsafe, e.Name)
		}
		return extract(root, e)
	})
}

// extract writes one entry below root. [os.Root] is the protection; the checks before
// it give better errors.
func extract(root *os.Root, e entry) error {
	name := filepath.FromSlash(e.Name)
	if !filepath.IsLocal(name) || strings.ContainsRune(e.Name, 0) {
		return fmt.Errorf("%w: path %q leads out of the folder", ErrUnsafe, e.Name)
	}
	name = filepath.Clean(name)
	if e.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if !e.regular() {
		return fmt.Errorf("%w: %q is neither file nor folder", ErrUnsafe, e.Name)
	}
	if parent := filepath.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	// An existing link is replaced, not followed.
	if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, e.Content)
	if err == nil && n != e.Size {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

// An entry is a member of the archive that holds a copied path.
type entry struct {
	*tar.Header
	Name    string // relative to the path if that is a folder, otherwise its last element
	Content io.Reader
}

func (e entry) regular() bool { return e.Typeflag == tar.TypeReg }

// errStop ends untar early, without an error.
var errStop = errors.New("stop")

// untar calls each for every entry at source, except for the folder source itself.
func (c *Container) untar(ctx context.Context, source string, each func(entry) error) error {
	body, stat, err := c.engine.api.CopyFromContainer(ctx, c.ID, source)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("docker: copy %s: %w", source, ErrNotFound)
	}
	if err != nil {
		return c.engine.wrap(ctx, "copy "+source, err)
	}
	defer body.Close()
	for tr := tar.NewReader(body); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.engine.wrap(ctx, "copy "+source, err)
		}
		name := h.Name
		if stat.Mode.IsDir() {
			// The engine puts everything below the last element of source.
			if name == stat.Name || name == stat.Name+"/" {
				continue
			}
			name = strings.TrimPrefix(name, stat.Name+"/")
		}
		err = each(entry{h, name, tr})
		switch {
		case errors.Is(err, errStop):
			return nil
		case errors.Is(err, ErrUnsafe), errors.As(err, new(*os.PathError)), errors.As(err, new(*os.LinkError)):
			return fmt.Errorf("docker: copy %s: %w", source, err) // ours, not the engine's
		case err != nil:
			return c.engine.wrap(ctx, "copy "+source, err)
		}
	}
}

// CopyIn writes files to the container, by their paths relative to dir, and creates
// folders as needed. The container need not be running. Unlike a mount this works
// with an engine on another machine, but not with a read-only root.
func (c *Container) CopyIn(ctx context.Context, dir string, files map[string][]byte) error {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	inner := strings.TrimPrefix(path.Clean("/"+dir), "/")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := packFile(tw, path.Join(inner, name), files[name]); err != nil {
			return fmt.Errorf("docker: copy in %s: %w", name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return fmt.Errorf("docker: copy in: %w", err)
	}
	err := c.engine.api.CopyToContainer(ctx, c.ID, "/", &buf, container.CopyToContainerOptions{})
	return c.engine.wrap(ctx, "copy in to "+dir, err)
}
