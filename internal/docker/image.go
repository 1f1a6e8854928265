package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
)

// An Image is an image that the engine has.
type Image struct {
	ID     string   // "sha256:…"
	Tags   []string // its names on this engine
	Digest string   // "name@sha256:…" if pulled; "" if made here
	Labels map[string]string
	Size   int64 // in bytes
}

// Image returns the image called ref. The error matches [ErrNotFound] if it does not
// exist.
func (e *Engine) Image(ctx context.Context, ref string) (Image, error) {
	r, err := e.api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("docker: image %s: %w", ref, ErrNotFound)
	}
	if err != nil {
		return Image{}, e.wrap(ctx, "image "+ref, err)
	}
	img := Image{ID: r.ID, Tags: r.RepoTags, Size: r.Size}
	if len(r.RepoDigests) > 0 {
		img.Digest = r.RepoDigests[0]
	}
	if r.Config != nil {
		img.Labels = r.Config.Labels
	}
	return img, nil
}

// PullStall is how long a pull may make no progress before it fails: a firewalled
// registry never answers.
const PullStall = 45 * time.Second

// Pull fetches the image ref from its registry, without credentials. The error
// matches [ErrNetwork] or [ErrCertificate] if that was the cause, and [ErrNotFound]
// if the registry does not have the image.
func (e *Engine) Pull(ctx context.Context, ref string, progress func(line string)) (Image, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("no progress for %v: %w", PullStall, ErrNetwork)
	watch := time.AfterFunc(PullStall, func() { cancel(stalled) })
	defer watch.Stop()

	body, err := e.api.ImagePull(ctx, ref, image.PullOptions{})
	if err == nil {
		defer body.Close()
		err = follow(body, progress, func() { watch.Reset(PullStall) })
	}
	switch {
	case err == nil:
		return e.Image(ctx, ref)
	case errdefs.IsNotFound(err):
		return Image{}, fmt.Errorf("docker: pull %s: %w: %w", ref, ErrNotFound, err)
	}
	return Image{}, classify(e.wrap(ctx, "pull "+ref, err), "")
}

// BuildOptions say how an image is built.
type BuildOptions struct {
	Tag     string            // name of the image; required
	Labels  map[string]string // in addition to those of the package
	Args    map[string]string // build arguments
	Network string            // of the build steps: "" is a bridge, "host" the machine's
	NoCache bool
	// Files are added to the context; they replace files of the same name.
	Files map[string][]byte
	// Progress, if not nil, is called with each line of the output.
	Progress func(line string)
}

// A BuildError is a step of a build that failed.
type BuildError struct {
	Tag     string
	Step    string   // "Step 4/9 : RUN …"
	Message string   // what the engine said
	Output  []string // last lines of the step
}

func (e *BuildError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "build %s: %s: %s", e.Tag, shorten(e.Step, 100), shorten(e.Message, 300))
	for _, line := range e.Output {
		b.WriteString("\n    " + line)
	}
	return b.String()
}

// Build builds an image from the Dockerfile at the root of files, or in opts.Files if
// files is nil. It uses the engine's classic builder, which every engine has. A
// Dockerfile with several stages should say
//
//	ARG WSCONFORM_RUN
//	ARG WSCONFORM_OWNER
//	LABEL wsconform=1 wsconform.run=$WSCONFORM_RUN wsconform.owner="$WSCONFORM_OWNER"
//
// in all stages but the last, so that their images and containers are removed after
// the build, or by [Engine.Clean].
//
// If a step fails the error is a [*BuildError], which also matches [ErrNetwork] or
// [ErrCertificate] if the output points to that.
func (e *Engine) Build(ctx context.Context, files fs.FS, opts BuildOptions) (Image, error) {
	args := map[string]*string{"WSCONFORM_RUN": &e.run, "WSCONFORM_OWNER": &e.owner}
	for k, v := range opts.Args {
		args[k] = &v
	}
	tarball, stop := stream(func(w io.Writer) error { return packContext(w, files, opts.Files) })
	defer stop()
	defer e.pruneStages(ctx)

	resp, err := e.api.ImageBuild(ctx, tarball, build.ImageBuildOptions{
		Version:     build.BuilderV1,
		Tags:        []string{opts.Tag},
		Labels:      imageLabels(opts.Labels),
		BuildArgs:   args,
		NetworkMode: opts.Network,
		NoCache:     opts.NoCache,
		Remove:      true,
		ForceRemove: true,
	})
	if err != nil {
		return Image{}, classify(e.wrap(ctx, "build "+opts.Tag, err), "")
	}
	defer resp.Body.Close()

	var out buildOutput
	err = follow(resp.Body, func(line string) {
		out.add(line)
		if opts.Progress != nil {
			opts.Progress(line)
		}
	}, nil)
	if failed := (*streamError)(nil); errors.As(err, &failed) {
		message := failed.Message
		if i := strings.LastIndex(message, "returned a non-zero code"); i >= 0 {
			message = message[i:] // the command, already in the step, comes before it
		}
		err = &BuildError{Tag: opts.Tag, Step: out.step, Message: message, Output: out.tail}
		return Image{}, classify(fmt.Errorf("docker: %w", err), out.trouble)
	}
	if err != nil {
		return Image{}, e.wrap(ctx, "build "+opts.Tag, err)
	}
	return e.Image(ctx, opts.Tag)
}

// A buildOutput keeps the lines that explain a failed step.
type buildOutput struct {
	step    string
	tail    []string // last lines of the step
	trouble string   // lines of the step about the network or certificates
}

func (o *buildOutput) add(line string) {
	switch {
	case strings.HasPrefix(line, "Step "):
		*o = buildOutput{step: line}
		return
	case strings.HasPrefix(line, " --->"), strings.HasPrefix(line, "Removing intermediate container"):
		return
	}
	if o.tail = append(o.tail, line); len(o.tail) > 15 {
		o.tail = o.tail[1:]
	}
	if len(o.trouble) < 4<<10 && (networkTrouble().MatchString(line) || certificateTrouble().MatchString(line)) {
		o.trouble += line + "\n"
	}
}

// pruneStages removes what is left of a build's stages. It ignores errors: Clean finds
// the rest.
func (e *Engine) pruneStages(ctx context.Context) {
	ctx, cancel := detached(ctx)
	defer cancel()
	_, _ = e.api.ImagesPrune(ctx, filters.NewArgs(
		filters.Arg("dangling", "true"), filters.Arg("label", LabelRun+"="+e.run)))
}

// Import makes an image called ref from a tar stream of a root file system.
func (e *Engine) Import(ctx context.Context, tarball io.Reader, ref string, labels map[string]string) (Image, error) {
	var changes []string
	all := imageLabels(labels)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		changes = append(changes, "LABEL "+k+"="+strconv.Quote(all[k]))
	}
	body, err := e.api.ImageImport(ctx, image.ImportSource{Source: tarball, SourceName: "-"}, ref, image.ImportOptions{
		Message: "imported by wsconform",
		Changes: changes,
	})
	if err == nil {
		defer body.Close()
		err = follow(body, nil, nil)
	}
	if err != nil {
		return Image{}, e.wrap(ctx, "import "+ref, err)
	}
	return e.Image(ctx, ref)
}

// RemoveImage removes the name ref, and with its last name the image. A missing image
// is no error. RemoveImage ignores the cancellation of ctx.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	_, err := e.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return e.wrap(ctx, "remove image "+ref, err)
}

// stream runs write at the other end of a pipe. The returned function closes the pipe
// and waits for write.
func stream(write func(io.Writer) error) (io.Reader, func()) {
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.CloseWithError(write(w))
	}()
	return r, func() {
		_ = r.Close()
		<-done
	}
}

// packContext writes the regular files of files and extra as a tar archive, without
// times and owners, so that the same files always give the same archive.
func packContext(w io.Writer, files fs.FS, extra map[string][]byte) error {
	tw := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if err := packFile(tw, name, extra[name]); err != nil {
			return fmt.Errorf("pack: %w", err)
		}
	}
	if files == nil {
		return tw.Close()
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if _, replaced := extra[name]; err != nil || replaced || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		return packFile(tw, name, data)
	})
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	return tw.Close()
}

func packFile(tw *tar.Writer, name string, data []byte) error {
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}
