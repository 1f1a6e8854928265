package compare

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// finished returns the run file at path if it makes playing the row again
// needless: of the same agent, engine and cases, and played to its end.
func finished(path string, want runfile.Header) (*runfile.Run, bool) {
	run, err := runfile.Open(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return nil, false
	}
	return run, settled(run) && sameRun(run.Header, want)
}

// settled reports whether the run came to its end. One that was interrupted or
// broken by the harness did not, and what kept an agent from being built or
// started may be gone by now.
func settled(run *runfile.Run) bool {
	if run.Footer == nil || run.State() == runfile.Invalid {
		return false
	}
	switch run.Footer.Cause {
	case harness.CauseMissing, harness.CauseNetwork, harness.CauseBuild, harness.CauseStart:
		return false
	case harness.CauseEcho, harness.CauseCrash, harness.CauseHang, harness.CauseMemory, harness.CauseProcess:
		return true
	}
	return run.Footer.Error == "" && len(run.Results) > 0
}

// sameRun reports whether two headers ask the same of the same agent.
func sameRun(a, b runfile.Header) bool {
	return a.Agent.About != nil && b.Agent.About != nil && a.Agent.About.Hash == b.Agent.About.Hash &&
		a.Agent.About.Isolation == b.Agent.About.Isolation && a.Agent.Role == b.Agent.Role &&
		a.Engine.Name == b.Engine.Name && a.Engine.Version == b.Engine.Version && a.Engine.Digest == b.Engine.Digest &&
		maps.Equal(a.Engine.Packages, b.Engine.Packages) &&
		a.Selection.Catalogue == b.Selection.Catalogue && slices.Equal(a.Selection.Selected, b.Selection.Selected)
}
