package engine

import (
	"context"
	"io/fs"

	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
)

type (
	// An Image is a container image of Autobahn.
	Image = autobahn.Image
	// ImageOptions say how [EnsureImage] gets an image. The zero value suits most callers.
	ImageOptions = autobahn.ImageOptions
)

// Built is the [ImageOptions] source of an image that is built here.
const Built = autobahn.Built

// EnsureImage returns an image of Autobahn: an existing one, otherwise the published one,
// otherwise one built here, which takes a minute or two. The error says what was tried.
func EnsureImage(ctx context.Context, eng *docker.Engine, opts ImageOptions) (Image, error) {
	return autobahn.EnsureImage(ctx, eng, opts)
}

// EnsureBase returns the name of a Debian image to build upon. Its errors are those of
// [EnsureImage].
func EnsureBase(ctx context.Context, eng *docker.Engine, opts ImageOptions) (string, error) {
	return autobahn.EnsureBase(ctx, eng, opts)
}

// BuiltRef returns the name of the image built on base, "" for the default one.
func BuiltRef(base string) string { return autobahn.BuiltRef(base) }

// Agents returns the names of the agents in a folder of Autobahn's reports, sorted.
func Agents(fsys fs.FS) ([]string, error) { return autobahn.Agents(fsys) }

// Import turns Autobahn's reports on one agent into a run of the wanted cases; the zero
// selection is those that it has reports of. If reports are missing or unreadable it
// returns a run and an error; if there are none, no run.
func Import(fsys fs.FS, agent string, wanted runfile.Selection) (*runfile.Run, error) {
	return autobahn.Import(fsys, agent, wanted)
}
