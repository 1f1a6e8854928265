package docker

import "maps"

// The labels of everything that this package creates.
const (
	Label      = "wsconform"       // "1"
	LabelRun   = "wsconform.run"   // id of the run; see [Engine.RunID]
	LabelOwner = "wsconform.owner" // process of the run; while it lives, other processes leave its things alone
)

// labels returns the labels of a new container; the package's override extra.
func (e *Engine) labels(extra map[string]string) map[string]string {
	m := map[string]string{}
	maps.Copy(m, extra)
	m[Label], m[LabelRun], m[LabelOwner] = "1", e.run, e.owner
	return m
}

// imageLabels returns the labels of a new image. They name no owner, since containers
// inherit them, and containers that users start from the image are not ours to
// remove.
func imageLabels(extra map[string]string) map[string]string {
	m := map[string]string{}
	maps.Copy(m, extra)
	m[Label] = "1"
	return m
}
