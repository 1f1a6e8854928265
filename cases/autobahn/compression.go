package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// compressedSizes are the eighteen rows of every group of sections 12 and 13.
var compressedSizes = []struct {
	length, fragment int // in units of the corpus; in bytes, 0 for one frame
	limit            time.Duration
}{
	{16, 0, 60 * time.Second},
	{64, 0, 60 * time.Second},
	{256, 0, 120 * time.Second},
	{1024, 0, 240 * time.Second},
	{4096, 0, 480 * time.Second},
	{8192, 0, 480 * time.Second},
	{16384, 0, 480 * time.Second},
	{32768, 0, 480 * time.Second},
	{65536, 0, 480 * time.Second},
	{131072, 0, 480 * time.Second},
	{8192, 256, 480 * time.Second},
	{16384, 256, 480 * time.Second},
	{32768, 256, 480 * time.Second},
	{65536, 256, 480 * time.Second},
	{131072, 256, 480 * time.Second},
	{131072, 1024, 480 * time.Second},
	{131072, 4096, 480 * time.Second},
	{131072, 32768, 480 * time.Second},
}

// corpusGroups are 12.1 to 12.5: one corpus each, any parameters.
var corpusGroups = []struct{ group, corpus string }{
	{"12.1", corpora.JSON},
	{"12.2", corpora.Picture},
	{"12.3", corpora.Prose}, // UTF-8, but sent as binary
	{"12.4", corpora.HTML},
	{"12.5", corpora.Document},
}

// parameterGroups are 13.1 to 13.7: the demands on the peer's compressor, the
// one we like best first. As a client we offer each of them, as a server we
// accept the first that an offer can satisfy.
var parameterGroups = []struct {
	group          string
	offers, accept []cases.Demand
}{
	{"13.1", []cases.Demand{{}}, []cases.Demand{{}}},
	{"13.2", []cases.Demand{{NoContextTakeover: true}}, []cases.Demand{{NoContextTakeover: true}}},
	{"13.3", []cases.Demand{{MaxWindowBits: 9}}, []cases.Demand{{MaxWindowBits: 9}}},
	{"13.4", []cases.Demand{{MaxWindowBits: 15}}, []cases.Demand{{MaxWindowBits: 15}}},
	{"13.5", []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 9}}, []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 9}}},
	{"13.6", []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 15}}, []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 15}}},
	{"13.7", []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 9}, {NoContextTakeover: true}, {}}, []cases.Demand{{NoContextTakeover: true, MaxWindowBits: 9}, {NoContextTakeover: true}}}, // {NoContextTakeover: true} suits any offer
}

// compression is sections 12 and 13: permessage-deflate with different
// payloads and with different parameters.
func compression() []entry {
	var list []entry
	for _, g := range corpusGroups {
		list = append(list, compressedLoops(g.group, g.corpus, []cases.Demand{{}}, []cases.Demand{{}})...)
	}
	for _, g := range parameterGroups {
		list = append(list, compressedLoops(g.group, corpora.JSON, g.offers, g.accept)...)
	}
	return list
}

func compressedLoops(group, corpus string, offers, accept []cases.Demand) []entry {
	op, unit := wsproto.OpBinary, "bytes"
	if corpora.IsText(corpus) {
		op, unit = wsproto.OpText, "characters"
	}
	list := make([]entry, len(compressedSizes))
	for i, size := range compressedSizes {
		c := entry{
			ID:    cases.ID(fmt.Sprintf("%s.%d", group, i+1)),
			Title: fmt.Sprintf("1000 %v messages of %d %s from %s, compressed", op, size.length, unit, corpus),
			Expect: fmt.Sprintf("each message comes back, all within %s, and our close is answered; "+
				"unimplemented if permessage-deflate is not agreed", seconds(size.limit)),
			RFC: compressionRFC(accept, size.fragment),
			Steps: []cases.Step{
				cases.CloseAfter{After: size.limit},
				cases.EchoLoop{Opcode: op, Count: 1000, Corpus: corpus, Length: size.length, Fragment: size.fragment},
			},
			Want: closes(clean).under(EchoDeflated),
			Load: cases.Heavy,
			Deflate: &cases.Deflate{
				Offers: offerHeader(offers),
				Accept: slices.Clone(accept),
			},
		}
		if size.fragment > 0 {
			c.Title += fmt.Sprintf(", in fragments of %d bytes", size.fragment)
		}
		if strings.HasPrefix(group, "13.") {
			c.Title += ", " + demandTitle(accept)
		}
		c.Want.Events = nil
		list[i] = c
	}
	return list
}

// offerHeader offers everything we can do for the peer's demands, and asks of
// the peer, as a server, what each of the demands says.
func offerHeader(demands []cases.Demand) string {
	offers := make([]string, len(demands))
	for i, d := range demands {
		offers[i] = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
		if d.NoContextTakeover {
			offers[i] += "; server_no_context_takeover"
		}
		if d.MaxWindowBits != 0 {
			offers[i] += fmt.Sprintf("; server_max_window_bits=%d", d.MaxWindowBits)
		}
	}
	return strings.Join(offers, ", ")
}

// demandTitle says what the peer is asked, and what it is asked if it cannot.
func demandTitle(demands []cases.Demand) string {
	titles := make([]string, len(demands))
	for i, d := range demands {
		switch {
		case d.NoContextTakeover && d.MaxWindowBits != 0:
			titles[i] = fmt.Sprintf("no context takeover and a window of %d bits", d.MaxWindowBits)
		case d.NoContextTakeover:
			titles[i] = "no context takeover"
		case d.MaxWindowBits != 0:
			titles[i] = fmt.Sprintf("a window of %d bits", d.MaxWindowBits)
		default:
			titles[i] = "no parameters asked"
		}
	}
	return strings.Join(titles, ", or else ")
}

func compressionRFC(accept []cases.Demand, fragment int) []string {
	sections := []string{"6", "7.1", "7.2.1", "7.2.2"}
	if len(accept) > 1 {
		sections = append(sections, "5.1")
	}
	if slices.ContainsFunc(accept, func(d cases.Demand) bool { return d.NoContextTakeover }) {
		sections = append(sections, "7.1.1.1", "7.1.1.2")
	}
	if slices.ContainsFunc(accept, func(d cases.Demand) bool { return d.MaxWindowBits != 0 }) {
		sections = append(sections, "7.1.2.1", "7.1.2.2")
	}
	list := rfc7692(sections...)
	if fragment > 0 {
		list = append(list, rfc6455("5.4")...)
	}
	return list
}
