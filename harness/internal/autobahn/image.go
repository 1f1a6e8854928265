package autobahn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	fixture "github.com/wsconform/wsconform/fixtures/autobahn"
	"github.com/wsconform/wsconform/internal/docker"
)

// A Source says where an image comes from or, as an option, may come from.
type Source string

// The sources.
const (
	Any    Source = ""       // pulled if a registry answers, else built
	Pulled Source = "pulled" // the image that Autobahn's makers publish
	Built  Source = "built"  // from fixtures/autobahn
)

// ImageOptions say how [EnsureImage] gets an image. The zero value suits most callers.
type ImageOptions struct {
	Source Source
	// Base is the image to build on, any Debian 11. Empty means debian:bullseye-slim
	// or, without a registry, an image made by debootstrap.
	Base string
	// Rebuild rebuilds an image that exists.
	Rebuild bool
	// Host describes this machine's network to the build. The zero value asks the
	// machine.
	Host docker.Host
	// Progress, if not nil, is called with lines to show to a waiting user.
	Progress func(line string)
}

// An Image is an image of the testsuite on the engine. Its PATH has "wstest", and its
// output is not buffered.
type Image struct {
	ID       string // "sha256:…"
	Ref      string // name to run it by
	Digest   string // of the published image if pulled, the ID if built
	Source   Source // Pulled or Built
	Base     string // the image it was built on, if built
	Versions map[string]string
}

// The labels in which EnsureImage stores what it found out about an image, so that the
// next call needs only one request.
const (
	labelSource   = "wsconform.autobahn.source"
	labelDigest   = "wsconform.autobahn.digest"
	labelBase     = "wsconform.autobahn.base"
	labelVersions = "wsconform.autobahn.versions"
)

const (
	imageName = "wsconform/autobahn"
	baseName  = "wsconform/debian:" + fixture.Suite
)

// BuiltRef returns the name of the image built on base, "" for the default one. The
// name changes with everything that goes into the image, so an image of that name is
// up to date. It is also the name for docker save and docker load on machines without
// a network.
func BuiltRef(base string) string {
	if base == "" {
		base = fixture.Base
	}
	return imageName + ":" + fixture.Hash(base)
}

// pulledRef is our name for the published image.
const pulledRef = imageName + ":official-" + fixture.Version

// EnsureImage returns an image of the testsuite: an existing one, otherwise the
// published one, otherwise one built here, which takes a minute or two. If nothing
// works the error is an [*ImageError], which says what was tried. An error that
// matches [docker.ErrNoEngine] means that the Docker engine went away. If ctx ends the
// error is its cause.
func EnsureImage(ctx context.Context, eng *docker.Engine, opts ImageOptions) (Image, error) {
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	m := imageMaker{eng: eng, ImageOptions: opts}
	if !opts.Rebuild {
		img, err := m.find(ctx)
		if !errors.Is(err, docker.ErrNotFound) {
			return img, err
		}
	}
	for _, try := range []struct {
		source Source
		make   func(context.Context) (Image, error)
	}{{Pulled, m.pull}, {Built, m.build}} {
		if opts.Source != Any && opts.Source != try.source {
			continue
		}
		img, err := try.make(ctx)
		switch {
		case err == nil:
			return img, nil
		case ctx.Err() != nil, errors.Is(err, docker.ErrNoEngine):
			return Image{}, fmt.Errorf("autobahn image: %w", err)
		}
		m.tried = append(m.tried, err)
		opts.Progress(firstLineOf(err))
	}
	return Image{}, &ImageError{Tried: m.tried, ref: BuiltRef(opts.Base)}
}

// An imageMaker is one call of EnsureImage.
type imageMaker struct {
	eng *docker.Engine
	ImageOptions
	tried []error
}

// find returns an existing image.
func (m *imageMaker) find(ctx context.Context) (Image, error) {
	err := docker.ErrNotFound
	for _, c := range []struct {
		source Source
		ref    string
	}{{Built, BuiltRef(m.Base)}, {Pulled, pulledRef}} {
		if m.Source != Any && m.Source != c.source {
			continue
		}
		var img docker.Image
		img, err = m.eng.Image(ctx, c.ref)
		if err == nil {
			return described(img, c.ref), nil
		}
		if !errors.Is(err, docker.ErrNotFound) {
			break
		}
	}
	return Image{}, err
}

// described reads back what adopt wrote.
func described(img docker.Image, ref string) Image {
	i := Image{
		ID: img.ID, Ref: ref,
		Digest:   img.Labels[labelDigest],
		Source:   Source(img.Labels[labelSource]),
		Base:     img.Labels[labelBase],
		Versions: fixture.ParseVersions(strings.ReplaceAll(img.Labels[labelVersions], " ", "\n")),
	}
	if i.Digest == "" {
		i.Digest = img.ID
	}
	return i
}

// pull fetches the published image.
func (m *imageMaker) pull(ctx context.Context) (Image, error) {
	m.Progress("pulling " + fixture.Official)
	if _, err := m.eng.Pull(ctx, fixture.Official, m.Progress); err != nil {
		return Image{}, err
	}
	return m.adopt(ctx, fixture.Official, pulledRef, map[string]string{
		labelSource: string(Pulled), labelDigest: fixture.Official,
	})
}

// build builds the image and, if needed, its base.
func (m *imageMaker) build(ctx context.Context) (Image, error) {
	base, err := m.base(ctx)
	if err != nil {
		return Image{}, err
	}
	net, err := m.Host.Network()
	if err != nil {
		return Image{}, err
	}
	if mirror := m.Host.ExplicitMirror(); mirror != "" {
		net.Files["sources.list"] = []byte("deb " + mirror + " " + fixture.Suite + " main\n")
	}
	net.Args["BASE"] = base
	draft := imageName + ":draft-" + strings.ToLower(m.eng.RunID())
	m.Progress("building " + BuiltRef(m.Base) + " on " + base)
	// The build shares the machine's network, so that it reaches a proxy or a mirror on
	// the loopback interface.
	_, err = m.eng.Build(ctx, fixture.Files(), docker.BuildOptions{
		Tag: draft, Args: net.Args, Files: net.Files, Network: "host", NoCache: m.Rebuild, Progress: m.Progress,
	})
	if err != nil {
		return Image{}, err
	}
	img, err := m.adopt(ctx, draft, BuiltRef(m.Base), map[string]string{
		labelSource: string(Built), labelBase: base,
	})
	return img, errors.Join(err, m.eng.RemoveImage(ctx, draft))
}

// EnsureBase returns the name of a Debian image to build upon: the one that is
// here, else one that is pulled, else one made by debootstrap. Its errors are those
// of [EnsureImage].
func EnsureBase(ctx context.Context, eng *docker.Engine, opts ImageOptions) (string, error) {
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	m := imageMaker{eng: eng, ImageOptions: opts}
	ref, err := m.base(ctx)
	if err != nil {
		return "", fmt.Errorf("autobahn image: base: %w", err)
	}
	return ref, nil
}

// base pulls or makes the base image, and returns its name. If the registry was
// unreachable a moment ago base does not ask it again: behind a firewall each attempt
// may take a minute.
func (m *imageMaker) base(ctx context.Context) (string, error) {
	ref := m.Base
	if ref == "" {
		ref = fixture.Base
	}
	_, err := m.eng.Image(ctx, ref)
	if err == nil || !errors.Is(err, docker.ErrNotFound) {
		return ref, err
	}
	offline := slices.ContainsFunc(m.tried, func(err error) bool { return errors.Is(err, docker.ErrNetwork) })
	if m.Base != "" || !offline {
		m.Progress("pulling " + ref)
		_, err := m.eng.Pull(ctx, ref, m.Progress)
		if err == nil || m.Base != "" || ctx.Err() != nil || errors.Is(err, docker.ErrNoEngine) {
			return ref, err
		}
		m.tried = append(m.tried, err)
	}
	_, err = m.eng.Image(ctx, baseName)
	if err == nil || !errors.Is(err, docker.ErrNotFound) {
		return baseName, err
	}
	m.Progress("making " + baseName + " by debootstrap")
	_, err = m.eng.Debootstrap(ctx, fixture.Suite, baseName, m.Host, m.Progress)
	return baseName, err
}

// printVersions is a command that prints every package in the image as name==version.
const printVersions = `
for python in python2.7 pypy python; do
	if command -v $python > /dev/null; then
		exec $python -c '
import pkg_resources, platform, ssl, zlib
print("python==" + platform.python_version())
print("implementation==" + platform.python_implementation())
print("zlib==" + zlib.ZLIB_VERSION)
print("openssl==" + ssl.OPENSSL_VERSION.split()[1])
for d in pkg_resources.working_set: print(d.project_name + "==" + d.version)
'
	fi
done
exit 1`

// pypyPath is where the published image keeps its Python.
const pypyPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/pypy/bin"

// adopt asks the image from for its versions, which proves that it runs, and tags it as
// ref with labels. So an image of that name is always complete.
func (m *imageMaker) adopt(ctx context.Context, from, ref string, labels map[string]string) (Image, error) {
	versions, err := m.versions(ctx, from)
	if err != nil {
		return Image{}, fmt.Errorf("versions in %s: %w", from, err)
	}
	if got := versions["autobahntestsuite"]; got != fixture.Version {
		return Image{}, fmt.Errorf("versions in %s: autobahntestsuite is %q, want %q", from, got, fixture.Version)
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		list = append(list, name+"=="+versions[name])
	}
	labels[labelVersions] = strings.Join(list, " ")
	img, err := m.eng.Build(ctx, nil, docker.BuildOptions{
		Tag:    ref,
		Labels: labels,
		Files: map[string][]byte{"Dockerfile": []byte("FROM " + from + "\n" +
			"ENV PATH=" + pypyPath + " PYTHONUNBUFFERED=1\nENTRYPOINT []\nWORKDIR /\n")},
	})
	if err != nil {
		return Image{}, err
	}
	m.Progress("ready: " + ref)
	return described(img, ref), nil
}

func (m *imageMaker) versions(ctx context.Context, ref string) (_ map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := m.eng.Run(ctx, docker.Spec{
		Image: ref, Command: []string{"sh", "-c", printVersions}, Env: []string{"PATH=" + pypyPath}, Network: "none",
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Remove(ctx)) }()
	exit, err := c.Wait(ctx)
	if err != nil {
		return nil, err
	}
	out, err := c.Output(ctx, 64<<10)
	if err == nil && exit.Code != 0 {
		err = fmt.Errorf("exit status %d: %s", exit.Code, strings.TrimSpace(out))
	}
	return fixture.ParseVersions(out), err
}

// An ImageError means that there is no image of the testsuite. It says what was tried,
// what failed, and what to do. It matches the errors of the attempts, such as
// [docker.ErrNetwork], [docker.ErrCertificate], a [*docker.BuildError] or a
// [*docker.BaseError].
type ImageError struct {
	Tried []error
	ref   string
}

func (e *ImageError) Error() string {
	var b strings.Builder
	b.WriteString("autobahn image: none here, and none could be had")
	for _, err := range e.Tried {
		b.WriteString("\n- " + strings.ReplaceAll(strings.TrimPrefix(err.Error(), "docker: "), "\n", "\n  "))
	}
	switch {
	case errors.Is(e, docker.ErrCertificate):
		b.WriteString("\nBehind a proxy that intercepts TLS, name its CA bundle in SSL_CERT_FILE.")
	case errors.Is(e, docker.ErrNetwork):
		b.WriteString("\nWithout a network: run wsconform autobahn image where there is one, " +
			"then docker save " + e.ref + " there and docker load here.")
	}
	return b.String()
}

// Unwrap returns the errors of the attempts.
func (e *ImageError) Unwrap() []error { return e.Tried }

func firstLineOf(err error) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "docker: "), "\n")
	return line
}
