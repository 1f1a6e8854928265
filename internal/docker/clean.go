package docker

import (
	"context"
	"errors"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
)

// ours selects things with our label and, if run is not empty, with that of the run.
func ours(run string) filters.Args {
	f := filters.NewArgs(filters.Arg("label", Label+"=1"))
	if run != "" {
		f.Add("label", LabelRun+"="+run)
	}
	return f
}

// CleanOptions say what [Engine.Clean] removes. The zero value removes the
// containers and networks of runs whose process has ended.
type CleanOptions struct {
	Force  bool // also those of runs that may still be in progress
	Images bool // also all images with our label, unless a container uses them
}

// A Cleaned says what [Engine.Clean] did.
type Cleaned struct {
	Containers []string // ids of those removed
	Networks   []string // ids of those removed
	Images     []string // names or ids of those removed
	Services   []string // ids of those removed, on a swarm
	Kept       []string // ids of containers and networks that still have an owner
}

// Clean removes what earlier runs left behind: containers and networks that have our
// label and whose owner, by pid and start time, is gone. Those of other machines and
// of unknown owners stay unless forced. Clean continues after an error and returns
// all errors joined.
func (e *Engine) Clean(ctx context.Context, opts CleanOptions) (Cleaned, error) {
	var done Cleaned
	var errs []error
	services, err := e.cleanSwarm(ctx, opts.Force) // before its containers, which it would start again
	done.Services, errs = services, append(errs, err)
	list, err := e.List(ctx, "")
	if err != nil {
		return done, err
	}
	for _, c := range list {
		if c.Owned && !opts.Force {
			done.Kept = append(done.Kept, c.ID)
			continue
		}
		if err := e.remove(ctx, c.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		done.Containers = append(done.Containers, c.ID)
	}
	networks, err := e.networks(ctx, "")
	errs = append(errs, err)
	for _, n := range networks {
		if n.Owned && !opts.Force {
			done.Kept = append(done.Kept, n.ID)
			continue
		}
		switch err := e.removeNetwork(ctx, n.ID); {
		case err == nil:
			done.Networks = append(done.Networks, n.ID)
		case errdefs.IsPermissionDenied(err): // a container that still has an owner uses it
			done.Kept = append(done.Kept, n.ID)
		default:
			errs = append(errs, err)
		}
	}
	if opts.Images {
		images, err := e.removeImages(ctx, "")
		done.Images = images
		errs = append(errs, err)
	}
	return done, errors.Join(errs...)
}

// RemoveRun removes all containers and networks of this run. It ignores the
// cancellation of ctx.
func (e *Engine) RemoveRun(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	list, err := e.List(ctx, e.run)
	errs := []error{err}
	for _, c := range list {
		errs = append(errs, e.remove(ctx, c.ID))
	}
	networks, err := e.networks(ctx, e.run)
	errs = append(errs, err)
	for _, n := range networks {
		errs = append(errs, e.removeNetwork(ctx, n.ID))
	}
	return errors.Join(errs...)
}

// removeImages removes the images that have our label. It keeps those that a
// container uses, without an error.
func (e *Engine) removeImages(ctx context.Context, run string) ([]string, error) {
	list, err := e.api.ImageList(ctx, image.ListOptions{Filters: ours(run)})
	if err != nil {
		return nil, e.wrap(ctx, "list images", err)
	}
	var removed []string
	var errs []error
	for _, s := range list {
		names := s.RepoTags
		if len(names) == 0 || names[0] == "<none>:<none>" {
			names = []string{s.ID}
		}
		for _, name := range names {
			_, err := e.api.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
			switch {
			case err == nil:
				removed = append(removed, name)
			case errdefs.IsConflict(err), errdefs.IsNotFound(err): // in use, or gone with its parent
			default:
				errs = append(errs, e.wrap(ctx, "remove image "+name, err))
			}
		}
	}
	return removed, errors.Join(errs...)
}
