package harness

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Bounds of what a run file keeps of a result, whatever a peer sends. A text that
// is longer is clipped; see [Clip]. Lists are cut at their end.
const (
	maxWords  = 4 << 10  // bytes of a reason or a note
	maxHead   = 64 << 10 // bytes of the head of a request or a response
	maxReason = 1 << 10  // bytes of the reason of a close frame; 123 are legal (RFC 6455 §5.5)
	maxName   = 1 << 10  // bytes of the name or the version of an agent
	maxEvents = 1024
	// maxConns is how many further connections of a case are kept.
	maxConns   = 31
	maxStreams = 256  // of a connection of HTTP/2
	maxEntries = 2048 // of the wire log
	maxPlays   = 100  // whose verdicts are listed
	maxChanges = 64   // of a gateway
	maxSizes   = 4096 // of reads or writes, in the statistics
)

// Bounded returns the agent with its name and version cut to their bounds. Clients
// choose them.
func (a Agent) Bounded() Agent {
	a.Name, a.Version = Clip(a.Name, maxName), Clip(a.Version, maxName)
	return a
}

// Bounded returns the result with every value that a peer can choose cut to its
// bound. What it is given stays as it is.
func (r Result) Bounded() Result {
	r.Note = Clip(r.Note, maxWords)
	r.Verdict = boundedVerdict(r.Verdict)
	if len(r.Varied) > 0 {
		r.Varied = slices.Clone(r.Varied[:min(len(r.Varied), maxPlays)])
		for i, v := range r.Varied {
			r.Varied[i] = boundedVerdict(v)
		}
	}
	if len(r.Changes) > 0 {
		r.Changes = slices.Clone(r.Changes[:min(len(r.Changes), maxChanges)])
		for i := range r.Changes {
			r.Changes[i].What = Clip(r.Changes[i].What, maxReason)
		}
	}
	if r.Transcript != nil {
		t := boundedTranscript(*r.Transcript)
		r.Transcript = &t
	}
	return r
}

func boundedVerdict(v cases.Verdict) cases.Verdict {
	v.Reason, v.CloseReason = Clip(v.Reason, maxWords), Clip(v.CloseReason, maxWords)
	return v
}

func boundedTranscript(t transcript.Transcript) transcript.Transcript {
	t.Request, t.Response = Clip(t.Request, maxHead), Clip(t.Response, maxHead)
	t.UncleanReason, t.Address = Clip(t.UncleanReason, maxWords), Clip(t.Address, maxName)
	t.LocalReason, t.RemoteReason = boundedReason(t.LocalReason), boundedReason(t.RemoteReason)
	t.Stats.RxOctets, t.Stats.TxOctets = boundedSizes(t.Stats.RxOctets), boundedSizes(t.Stats.TxOctets)
	t.Events = boundedList(t.Events, maxEvents, eventFits, boundedEvent)
	if t.Wrong != nil {
		wrong := boundedEvent(*t.Wrong)
		t.Wrong = &wrong
	}
	t.LogLost += max(0, len(t.Log)-maxEntries)
	t.Log = boundedList(t.Log, maxEntries, entryFits, boundedEntry)
	t.Keys = t.Keys[:min(len(t.Keys), maxWords)]
	if t.Crowd != nil {
		crowd := *t.Crowd
		crowd.Trouble, crowd.Bounded = Clip(crowd.Trouble, maxWords), Clip(crowd.Bounded, maxWords)
		t.Crowd = &crowd
	}
	t.More = slices.Clone(t.More[:min(len(t.More), maxConns)])
	for i, more := range t.More {
		t.More[i] = boundedTranscript(more)
	}
	t.Streams = slices.Clone(t.Streams[:min(len(t.Streams), maxStreams)])
	for i, stream := range t.Streams {
		stream.More, stream.Streams = nil, nil // a stream has none
		t.Streams[i] = boundedTranscript(stream)
	}
	return t
}

// boundedList keeps the first n elements, each cut. It returns the list itself if all fit,
// as in nearly every run.
func boundedList[T any](list []T, n int, fits func(T) bool, cut func(T) T) []T {
	if len(list) <= n && !slices.ContainsFunc(list, func(v T) bool { return !fits(v) }) {
		return list
	}
	list = slices.Clone(list[:min(len(list), n)])
	for i, v := range list {
		list[i] = cut(v)
	}
	return list
}

// eventFits reports whether boundedEvent leaves the event as it is.
func eventFits(e transcript.Event) bool {
	return len(e.Data) <= transcript.HeadSize && e.Differs == nil && max(len(e.Kind), len(e.SHA256), len(e.Section)) <= maxReason
}

// entryFits reports whether boundedEntry leaves the entry as it is.
func entryFits(e transcript.Entry) bool {
	return max(len(e.Data), len(e.Head)) <= transcript.HeadSize && len(e.Note) <= maxWords &&
		max(len(e.Mask), len(e.Kind), len(e.Dir), len(e.Timer)) <= maxReason
}

func boundedEvent(e transcript.Event) transcript.Event {
	if len(e.Data) > transcript.HeadSize {
		if e.SHA256 == "" {
			e.Len = max(e.Len, len(e.Data))
			e.SHA256 = fmt.Sprintf("%x", sha256.Sum256(e.Data))
		}
		e.Data = e.Data[:transcript.HeadSize]
	}
	e.Kind, e.SHA256 = transcript.EventKind(Clip(string(e.Kind), maxReason)), Clip(e.SHA256, maxReason)
	e.Section = Clip(e.Section, maxReason)
	if e.Differs != nil {
		d := *e.Differs
		d.SHA256, d.WantSHA256 = Clip(d.SHA256, maxReason), Clip(d.WantSHA256, maxReason)
		e.Differs = &d
	}
	return e
}

func boundedEntry(e transcript.Entry) transcript.Entry {
	e.Data, e.Head = e.Data[:min(len(e.Data), transcript.HeadSize)], e.Head[:min(len(e.Head), transcript.HeadSize)]
	e.Note, e.Mask = Clip(e.Note, maxWords), Clip(e.Mask, maxReason)
	e.Kind, e.Dir, e.Timer = transcript.EntryKind(Clip(string(e.Kind), maxReason)), transcript.Direction(Clip(string(e.Dir), maxReason)), transcript.Timer(Clip(string(e.Timer), maxReason))
	return e
}

func boundedReason(p transcript.Octet) transcript.Octet {
	if len(p) <= maxReason {
		return p
	}
	return transcript.Octet(Clip(string(p), maxReason))
}

// boundedSizes keeps the smallest sizes of reads or writes.
func boundedSizes(counts map[int]int) map[int]int {
	if len(counts) <= maxSizes {
		return counts
	}
	sizes := make([]int, 0, len(counts))
	for n := range counts {
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	kept := make(map[int]int, maxSizes)
	for _, n := range sizes[:maxSizes] {
		kept[n] = counts[n]
	}
	return kept
}
