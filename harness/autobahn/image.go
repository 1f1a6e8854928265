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
	"github.com/wsconform/wsconform/harness/docker"
)

// A Source says where an image comes from. As an option it says where it may
// come from.
type Source string

// The sources.
const (
	Any    Source = ""       // pulled if a registry answers, else built
	Pulled Source = "pulled" // the image that Autobahn's makers publish
	Built  Source = "built"  // from fixtures/autobahn
)

// ImageOptions say how [EnsureImage] gets at an image. The zero value is what
// most want.
type ImageOptions struct {
	Source Source
	// Base is what is built upon: any Debian 11. "" is debian:bullseye-slim, or
	// where no registry has that, one made by debootstrap.
	Base string
	// Rebuild makes the image anew even if it is there.
	Rebuild bool
	// Host is what the build is told of this machine's network. The zero value
	// asks the machine.
	Host docker.Host
	// Progress, if not nil, gets lines to show while it takes its time.
	Progress func(line string)
}

// An Image is an image of the testsuite that the engine has. "wstest" is on its
// PATH, and its output is not buffered.
type Image struct {
	ID       string // "sha256:…"
	Ref      string // name to run it by
	Digest   string // pulled: of the published image; built: the ID
	Source   Source // Pulled or Built
	Base     string // built: what upon
	Versions map[string]string
}

// The labels of an image in which EnsureImage keeps what it found out, so that
// the next call needs to ask but once.
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

// BuiltRef is the name of the image that is built upon base, "" for the default
// one. It changes with everything that goes into it, so an image of that name is
// up to date. It is also the name to save and load by where there is no network.
func BuiltRef(base string) string {
	if base == "" {
		base = fixture.Base
	}
	return imageName + ":" + fixture.Hash(base)
}

// pulledRef is our name of the published image.
const pulledRef = imageName + ":official-" + fixture.Version

// EnsureImage returns an image of the testsuite: the one that is there, which
// takes no time, else the published one, else one built here, which takes a
// minute or two. Both the pull and the base of the build may fail without
// harm; an error says what was tried, as an [*ImageError]. One that matches
// [docker.ErrNoEngine] means that the Docker engine is gone, and the cause of
// ctx that it ended.
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

// find returns an image that is there already.
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

// build builds the image, after the base if need be.
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
	// The build shares the network of the machine, where a proxy or a mirror on the
	// loopback interface is within reach.
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

// base makes sure of the image that is built upon, and returns its name. Where
// the registry was out of reach a moment ago it is not asked again: a firewall
// may cost a minute each time.
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

// printVersions prints every package that the image runs, as name==version.
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

// adopt asks the image from for its versions, which proves that it runs, and
// makes it known as ref with labels. An image of that name is thus complete.
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

// An ImageError says that no image of the testsuite could be had: what was
// tried, what became of it, and what to do. It matches what the attempts match,
// such as [docker.ErrNetwork] and [docker.ErrCertificate], and holds the
// [*docker.BuildError] or [*docker.BaseError] of a build.
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

// Unwrap returns what the attempts came to.
func (e *ImageError) Unwrap() []error { return e.Tried }

func firstLineOf(err error) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "docker: "), "\n")
	return line
}
