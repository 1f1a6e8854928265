package reports

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/ledger"
	"github.com/wsconform/wsconform/harness"
)

//go:embed html
var assets embed.FS

var (
	style  = asset("html/style.css")
	script = asset("html/page.js")
	pages  = template.Must(template.New("").Funcs(template.FuncMap{
		"class": class, "behaviorClass": behaviorClass, "closeClass": closeClass,
		"tone": tone, "mark": markOf, "words": markWords,
		"visible": visible, "seconds": seconds, "grouped": grouped, "code": closeCode,
		"text": func(s string) string { return short(s, maxText) }, "brief": func(s string) string { return short(s, maxName) },
	}).ParseFS(assets, "html/*.tmpl"))
)

func asset(name string) string {
	p, err := assets.ReadFile(name)
	if err != nil {
		panic(err) //nolint:forbidigo // embedded: cannot be missing
	}
	return string(p)
}

// MaxHTML is the size that a page of 517 cases stays below, in octets: wire
// logs are cut until it does, those of cases that passed first.
const MaxHTML = 1_900_000

// maxCards bounds how many failures are laid out at the top of the page. The
// table holds them all.
const maxCards = 20

// WriteHTML writes the run as one page that needs nothing else: no network, no
// further file. Style and script stand in it under a policy that names their
// hashes, so nothing a peer has sent can be run, even if it got past the
// escaping.
func WriteHTML(w io.Writer, in Input) error {
	return writePage(w, in, "")
}

// writePage writes the page of a run; home is the name of the overview that it
// belongs to, if any.
func writePage(w io.Writer, in Input, home string) error {
	s := summarize(in)
	p := page{frame: newFrame(), summary: s, Home: home}
	p.Data = "{}"
	size, err := p.size()
	if err != nil {
		return err
	}
	data, err := detailsWithin(s, MaxHTML-size)
	if err != nil {
		return err
	}
	p.Data = template.JS(data)
	return pages.ExecuteTemplate(w, "page.tmpl", p)
}

// A frame is what every page has.
type frame struct {
	Style  template.CSS
	Script template.JS
	Policy string
}

func newFrame() frame {
	return frame{
		Style: template.CSS(style), Script: template.JS(script),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			hash(style), hash(script)),
	}
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// A page is what page.tmpl shows.
type page struct {
	frame
	summary
	Home string
	Data template.JS
}

func (p page) size() (int, error) {
	var n counter
	err := pages.ExecuteTemplate(&n, "page.tmpl", p)
	return int(n), err
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Agent names the agent.
func (p page) Agent() string { return agentName(p.Header.Agent) }

// Engine names the engine.
func (p page) Engine() string { return engineName(p.Header.Engine) }

// Date is when the run began.
func (p page) Date() string { return date(p.Header.Started) }

// Stamp is the date for machines.
func (p page) Stamp() string { return p.Header.Started.UTC().Format(time.RFC3339) }

func date(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// A tile counts one outcome.
type tile struct {
	Outcome harness.Outcome
	Count   int
}

// Tiles counts the outcomes that occurred, and always pass and fail.
func (p page) Tiles() []tile {
	var list []tile
	for _, o := range outcomes {
		if n := p.Counts[o]; n > 0 || o == harness.Pass || o == harness.Fail {
			list = append(list, tile{o, n})
		}
	}
	return list
}

// A markTile counts the cases with a standing that the expectations give them.
type markTile struct {
	Name, Class string
	Count       int
}

// The marks that the page can filter by.
const (
	asExpected  = "as-expected"
	notExpected = "not-as-expected"
)

// Marks counts the cases that fail as expected, and those that are not as
// expected.
func (p page) Marks() []markTile {
	if !p.Expecting() {
		return nil
	}
	var list []markTile
	if n := p.Standings(bad); n > 0 {
		list = append(list, markTile{notExpected, "f", n})
	}
	if n := p.Standings(excused); n > 0 {
		list = append(list, markTile{asExpected, "x", n})
	}
	return list
}

// markOf is the mark of the row, for the filter.
func markOf(r row) string {
	switch {
	case r.Entry == nil && r.Broken == "":
	case r.Standing == bad:
		return notExpected
	case r.Standing == excused:
		return asExpected
	}
	return ""
}

func markWords(mark any) string { return strings.ReplaceAll(fmt.Sprint(mark), "-", " ") }

// tone is the style class of a row: that of its outcome, unless it fails by the
// expectations alone, or is excused by them.
func tone(r row) string {
	switch r.Standing {
	case bad:
		return "f"
	case excused:
		return "x"
	default:
		return class(r.Outcome)
	}
}

// A card lays out failures that are alike: of the same section and rules, with
// the same signature. It shows the first and names the others.
type card struct {
	First  row
	Others []row // those that it names
	More   int   // and how many it does not
}

// Cards lists the failures that the top of the page lays out.
func (p page) Cards() []card {
	list := p.allCards()
	return list[:min(len(list), maxCards)]
}

// Unlisted counts the failures that have no card.
func (p page) Unlisted() int {
	list := p.allCards()
	n := 0
	for _, c := range list[min(len(list), maxCards):] {
		n += 1 + len(c.Others) + c.More
	}
	return n
}

func (p page) allCards() []card {
	var list []card
	index := map[string]int{}
	for _, r := range p.Problems() {
		key := fmt.Sprintf("%d %s %q %q %q", r.Standing, r.Mark, r.Signature(), r.Case.Section(), r.Def.RFC)
		i, known := index[key]
		switch {
		case !known:
			index[key] = len(list)
			list = append(list, card{First: r})
		case len(list[i].Others) < maxOthers:
			list[i].Others = append(list[i].Others, r)
		default:
			list[i].More++
		}
	}
	return list
}

// maxOthers bounds the failures that a card names beside its own.
const maxOthers = 200

// A rule is a section of an RFC and what it asks for.
type rule struct{ Ref, URL, Words string }

// Rules lists the sections that decide the case.
func (r row) Rules() []rule {
	var list []rule
	for _, ref := range r.Def.RFC {
		list = append(list, rule{ref, ledger.URL(ref), ledger.Section(ref)})
	}
	return list
}

// Missing counts the cases of the section without a verdict.
func (s section) Missing() int {
	n := 0
	for _, r := range s.Rows {
		if !r.Outcome.Ran() && r.Standing != excused {
			n++
		}
	}
	return n
}

// Failing counts the cases of the section that fail, or are not as expected.
func (s section) Failing() int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == bad {
			n++
		}
	}
	return n
}

// Tally says in words what became of the section.
func (s section) Tally() []tile {
	var list []tile
	for _, o := range outcomes {
		if n := s.Counts[o]; n > 0 {
			list = append(list, tile{o, n})
		}
	}
	return list
}

// A bar is one case of the chart of durations.
type bar struct {
	row
	Percent float64 // of the longest
}

// Slowest lists the cases that took longest.
func (p page) Slowest() []bar {
	rows := slices.Clone(p.Rows)
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(b.Duration, a.Duration) })
	var list []bar
	for _, r := range rows[:min(len(rows), 15)] {
		if r.Duration <= 0 {
			break
		}
		share := 100 * float64(r.Duration) / float64(rows[0].Duration)
		list = append(list, bar{r, max(share, 0.3)})
	}
	return list
}

// Share writes the percentage for SVG.
func (b bar) Share() string { return fmt.Sprintf("%.2f%%", b.Percent) }

// Repeat is the command that plays the case again.
func (p page) Repeat(r row) string { return repeat(p.Header, r.Case) }

// A fact is one line of the provenance.
type fact struct{ Name, Value string }

// Facts lists what was run by what against what, and where.
func (p page) Facts() []fact {
	h := p.Header
	var facts []fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, short(value, maxText)})
		}
	}
	add("Agent", strings.TrimSpace(h.Agent.Name+" "+h.Agent.Version))
	add("Role", h.Agent.Role.String())
	add("URL", h.Agent.URL)
	var words []string
	for _, w := range h.Agent.Command {
		words = append(words, ShellWord(w))
	}
	add("Command", strings.Join(words, " "))
	add("Engine", strings.TrimSpace(h.Engine.Name+" "+h.Engine.Version))
	add("Image", h.Engine.Image)
	add("Digest", h.Engine.Digest)
	add("Packages", pairs(h.Engine.Packages))
	add("Tool", h.Tool)
	add("Selection", strings.Join(h.Selection.Cases, " "))
	add("Excluded", strings.Join(h.Selection.Exclude, " "))
	add("Selected", plural(len(h.Selection.Selected), "case", "cases"))
	add("Catalogue", h.Selection.Catalogue)
	add("Started", p.Stamp())
	add("Duration", seconds(p.Run.Duration()))
	add("State", string(p.State))
	if sh := h.Shard; sh != nil {
		add("Shard", fmt.Sprintf("%d of %d, of %s", sh.Index, sh.Total, plural(len(sh.Whole), "case", "cases")))
	}
	if h.Host.OS != "" { // an imported run does not tell
		add("Host", fmt.Sprintf("%s/%s, %s, %s", h.Host.OS, h.Host.Arch, plural(h.Host.CPUs, "CPU", "CPUs"), h.Host.Go))
	}
	if h.Seed != 0 {
		add("Seed", fmt.Sprint(h.Seed))
	}
	add("Settings", pairs(h.Settings))
	return facts
}

func pairs[V any](m map[string]V) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return strings.Join(parts, "  ")
}

// class is the style class of an outcome. The classes are p(ass), l(enient),
// f(ail), u(nsupported), o(bserved) and n(o verdict).
func class(o harness.Outcome) string {
	switch o {
	case harness.Pass:
		return "p"
	case harness.PassLenient:
		return "l"
	case harness.Fail:
		return "f"
	case harness.Unsupported:
		return "u"
	case harness.Observed:
		return "o"
	case harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	return "n"
}

func behaviorClass(b cases.Behavior) string {
	switch b {
	case cases.OK:
		return "p"
	case cases.NonStrict:
		return "l"
	case cases.Failed:
		return "f"
	case cases.Unimplemented:
		return "u"
	case cases.Informational:
		return "o"
	}
	return "n"
}

func closeClass(c cases.CloseBehavior) string {
	switch c {
	case cases.CloseOK:
		return "p"
	case cases.CloseWrongCode, cases.CloseFailedByClient:
		return "l"
	case cases.CloseFailed, cases.CloseUnclean:
		return "f"
	case cases.CloseInformational:
		return "o"
	}
	return "n"
}

// closeCode is the code of the peer's close frame for the table.
func closeCode(r row) string {
	t := r.Transcript
	switch {
	case t == nil || !r.Outcome.Ran():
		return ""
	case t.RemoteCode != 0, t.RemoteZero:
		return fmt.Sprint(uint16(t.RemoteCode))
	case t.RemoteClose:
		return "none"
	}
	return "–"
}
