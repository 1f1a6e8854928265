package gate

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
)

// Version is the version of the expectation files that this package reads and
// writes.
const Version = 1

// SchemaURL is where the JSON Schema of expectation files is published.
const SchemaURL = "https://raw.githubusercontent.com/wsconform/wsconform/main/internal/gate/expectations-v1.schema.json"

// Schema is the JSON Schema of expectation files, for editors. [Parse] checks
// more than a schema can say.
//
//go:embed expectations-v1.schema.json
var Schema []byte

// Expectations is what one file expects of an agent.
type Expectations struct {
	File    string `yaml:"-"` // where it was read from, for messages
	Version int    `yaml:"version"`
	// Agent and Role say which runs the file is about: those of an agent of
	// this name, and those in which it plays this role. Empty means any.
	Agent string      `yaml:"agent"`
	Role  *cases.Role `yaml:"role"`
	// Declare is what the agent offers that trying does not tell, as --declare has it.
	Declare []cases.Need `yaml:"declare"`
	Policy  Policy       `yaml:"policy"`
	Expect  []Entry      `yaml:"expect"`
}

// Policy says what is allowed where no entry speaks of a case.
type Policy struct {
	NonStrict     rule `yaml:"nonStrict"`     // lenient passes; the default is allow
	Informational rule `yaml:"informational"` // observed outcomes; the default is allow
	// Unimplemented is about unsupported features. The default is fail where
	// there is an expectation file, and allow where there is none.
	Unimplemented rule `yaml:"unimplemented"`
	// MinExecuted is how many cases must have been played. A run whose cases were
	// picked by id alone, without a pattern, is not held to it.
	MinExecuted Minimum `yaml:"minExecuted"`
}

// A rule allows something or makes it fail. Empty means the default.
type rule string

// The rules of a policy.
const (
	Allow rule = "allow"
	Fail  rule = "fail"
)

// A Minimum is a number of cases, or a part of the catalogue in percent.
type Minimum struct {
	Cases   int
	percent float64
}

// Of returns how many of a catalogue of n cases that is.
func (m Minimum) Of(n int) int {
	return max(m.Cases, int(m.percent*float64(n)/100+0.999999))
}

// UnmarshalYAML reads a number such as 301, or a part such as 60%.
func (m *Minimum) UnmarshalYAML(text []byte) error {
	s := unquote(text)
	part, percent := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(part, 64)
	switch {
	case err != nil, n < 0, percent && n > 100, !percent && n != float64(int(n)):
		return fmt.Errorf("minExecuted %q: must be a number of cases such as 301, or a percentage of the catalogue such as 60%%", s)
	case percent:
		m.percent = n
	default:
		m.Cases = int(n)
	}
	return nil
}

// A Word is what an entry expects of its cases.
type Word string

// The words of entries. All but flaky are outcomes of a case.
const (
	WantFail        = Word(harness.Fail)
	wantLenient     = Word(harness.PassLenient)
	WantUnsupported = Word(harness.Unsupported)
	WantCrash       = Word(harness.Crash)
	WantTimeout     = Word(harness.Timeout)
	WantFlaky       = Word("flaky") // sometimes a pass, sometimes not
)

// words lists what an entry may expect.
var words = []Word{WantFail, wantLenient, WantUnsupported, WantCrash, WantTimeout, WantFlaky}

// An Entry says what is expected of some cases instead of a pass, and why.
type Entry struct {
	// Case is an id, or a pattern with a star as [pattern.Select] has them.
	Case    string `yaml:"case"`
	Verdict Word   `yaml:"verdict"`
	Reason  string `yaml:"reason"`
	Link    string `yaml:"link"`
	Owner   string `yaml:"owner"`
	// Expires is the last day, in UTC, on which the entry counts. The zero value
	// is no end.
	Expires Date `yaml:"expires"`
	// Signature is that of the failure meant; see
	// [harness.Result.Signature]. Empty means any.
	Signature string `yaml:"signature"`
	// Evidence is required of flaky entries, and only they may have it.
	Evidence *Evidence `yaml:"evidence"`

	file string
	line int
}

// At says where the entry stands: "wsconform.yaml:12".
func (e *Entry) At() string { return fmt.Sprintf("%s:%d", e.file, e.line) }

// Matches reports whether the entry is about the case.
func (e *Entry) Matches(id cases.ID) bool {
	got, err := pattern.Select([]cases.Case{{ID: id}}, []string{e.Case}, nil)
	return err == nil && len(got) == 1
}

// Evidence is what wsconform stress has counted of a flaky case.
type Evidence struct {
	Runs     int  `yaml:"runs"`
	Failures int  `yaml:"failures"`
	Date     Date `yaml:"date"`
}

// A Date is a day, in UTC.
type Date struct{ time.Time }

// UnmarshalYAML reads a day such as 2027-03-31.
func (d *Date) UnmarshalYAML(text []byte) error {
	s := unquote(text)
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return fmt.Errorf("%q is not a date: write year-month-day, such as 2027-03-31", s)
	}
	d.Time = t
	return nil
}

func (d Date) String() string { return d.Format(time.DateOnly) }

// unquote returns the text of a scalar. goccy/go-yaml hands it over as it stands
// in the file, with what follows it on the line.
func unquote(text []byte) string {
	var s string
	if err := yaml.Unmarshal(text, &s); err != nil {
		return strings.TrimSpace(string(text))
	}
	return s
}

// Declared adds what the files that are about the agent declare of it to other needs, in
// the order of [cases.DeclaredNeeds].
func Declared(files []Expectations, agent harness.Agent, more []cases.Need) []cases.Need {
	for _, x := range files {
		if x.appliesTo(agent) {
			more = append(slices.Clip(more), x.Declare...)
		}
	}
	return slices.DeleteFunc(slices.Clone(cases.DeclaredNeeds), func(n cases.Need) bool { return !slices.Contains(more, n) })
}

// A FileError says what is wrong with an expectation file.
type FileError struct {
	file string
	line int // 0 if it is the whole file
	err  error
}

func (e *FileError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %v", e.file, e.err)
	}
	return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.err }

// Load reads the expectation file at the path. What is wrong with its content is
// a [*FileError].
func Load(path string) (Expectations, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Expectations{}, fmt.Errorf("expectations: %w", err)
	}
	return Parse(path, text)
}

// Parse reads an expectation file, a YAML document. Unknown keys, missing ones
// and words that mean nothing are a [*FileError] that names the line, and so is a
// pattern that matches no case of the catalogue.
func Parse(name string, text []byte) (Expectations, error) {
	x := Expectations{File: name}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return x, fileError(name, err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return x, &FileError{name, 0, errors.New("the file must hold one YAML document with at least version: 1")}
	}
	body := file.Docs[0].Body
	if err := yaml.NodeToValue(body, &x, yaml.Strict()); err != nil {
		return x, withLine(fileError(name, err), body)
	}
	nodes := entryNodes(body)
	if len(nodes) != len(x.Expect) { // an alias
		return x, &FileError{name, 0, errors.New("expect must be a list of entries")}
	}
	for i, node := range nodes {
		e := &x.Expect[i]
		e.file, e.line = name, firstLine(node)
		for _, pair := range pairs(node) {
			if f, ok := pair.Value.(*ast.FloatNode); ok && pair.Key.String() == "case" {
				e.Case = f.GetToken().Value // without quotes YAML takes 5.10 for the number 5.1
			}
		}
	}
	return x, x.check()
}

// fileError names the line of an error of goccy/go-yaml.
func fileError(name string, err error) *FileError {
	out := &FileError{file: name, err: err}
	if at, ok := errors.AsType[yaml.Error](err); ok {
		out.err = errors.New(at.GetMessage())
		if t := at.GetToken(); t != nil && t.Position != nil {
			out.line = t.Position.Line
		}
	}
	return out
}

// withLine finds the line of an error that does not name one: those of our own
// types. It decodes the pairs one by one.
func withLine(err *FileError, body ast.Node) error {
	if err.line > 0 {
		return err
	}
	for _, pair := range pairs(body) {
		if pair.Key.String() != "expect" && yaml.NodeToValue(pair, &Expectations{}) != nil {
			err.line = firstLine(pair)
			return err
		}
	}
	for _, node := range entryNodes(body) {
		for _, pair := range pairs(node) {
			if yaml.NodeToValue(pair, &Entry{}) != nil {
				err.line = firstLine(pair)
				return err
			}
		}
	}
	return err
}

// pairs returns the pairs of a mapping. To goccy/go-yaml a single one is no
// MappingNode.
func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// entryNodes returns the elements of the key expect.
func entryNodes(body ast.Node) []ast.Node {
	for _, pair := range pairs(body) {
		if seq, ok := pair.Value.(*ast.SequenceNode); ok && pair.Key.String() == "expect" {
			return seq.Values
		}
	}
	return nil
}

// firstLine is the line of the first key of a mapping, whose own token is a
// colon.
func firstLine(n ast.Node) int {
	if list := pairs(n); len(list) > 0 {
		return list[0].Key.GetToken().Position.Line
	}
	return n.GetToken().Position.Line
}

// check finds what a decoder cannot know to be wrong.
func (x *Expectations) check() error {
	wrong := func(format string, a ...any) error { return &FileError{x.File, 0, fmt.Errorf(format, a...)} }
	if x.Version != Version {
		return wrong("version %d: this wsconform reads files with the line version: %d", x.Version, Version)
	}
	for key, rule := range map[string]rule{
		"nonStrict": x.Policy.NonStrict, "informational": x.Policy.Informational, "unimplemented": x.Policy.Unimplemented,
	} {
		if rule != "" && rule != Allow && rule != Fail {
			return wrong("policy: %s: %q: it is allow or fail", key, rule)
		}
	}
	for _, need := range x.Declare {
		if !slices.Contains(cases.DeclaredNeeds, need) {
			return wrong("declare: %q: must be one of %s", need, joined(cases.DeclaredNeeds))
		}
	}
	all := catalogue.All()
	for i := range x.Expect {
		e := &x.Expect[i]
		if err := e.check(all); err != nil {
			return &FileError{x.File, e.line, err}
		}
	}
	return nil
}

func (e *Entry) check(all []cases.Case) error {
	switch {
	case e.Case == "":
		return errors.New("case is missing: write an id such as '5.15' or a pattern such as '12.*'")
	case len(pattern.Unmatched(all, []string{e.Case})) > 0:
		return fmt.Errorf("no case matches %s; to select a section, use a star, such as '7.*'; wsconform list lists all cases", e.Case)
	case !slices.Contains(words, e.Verdict):
		return fmt.Errorf("case %s: verdict %q: must be one of %s", e.Case, e.Verdict, joined(words))
	case strings.TrimSpace(e.Reason) == "":
		return fmt.Errorf("case %s: reason is missing: say why this is expected", e.Case)
	case e.Verdict != WantFlaky && e.Evidence != nil:
		return fmt.Errorf("case %s: evidence is for flaky entries, and this one expects %s", e.Case, e.Verdict)
	case e.Verdict == WantFlaky:
		return e.checkEvidence()
	}
	return nil
}

func (e *Entry) checkEvidence() error {
	v := e.Evidence
	switch {
	case v == nil:
		return fmt.Errorf("case %s: a flaky entry needs evidence: runs, failures and date, as printed by wsconform stress --case %s", e.Case, e.Case)
	case v.Date.IsZero():
		return fmt.Errorf("case %s: the date of the evidence is missing", e.Case)
	case v.Failures < 1 || v.Failures >= v.Runs:
		return fmt.Errorf("case %s: %d failures in %d runs is not flaky: some runs must fail and some pass", e.Case, v.Failures, v.Runs)
	}
	return nil
}

// appliesTo reports whether the file is about the runs of this agent.
func (x *Expectations) appliesTo(a harness.Agent) bool {
	return (x.Agent == "" || x.Agent == a.Name) && (x.Role == nil || *x.Role == a.Role)
}

// About says which runs the file is about: "the agent \"x\", servers".
func (x *Expectations) About() string {
	var parts []string
	if x.Agent != "" {
		parts = append(parts, fmt.Sprintf("the agent %q", x.Agent))
	}
	if x.Role != nil {
		parts = append(parts, x.Role.String()+"s")
	}
	return strings.Join(parts, ", ")
}

func joined[S ~string](list []S) string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = string(w)
	}
	return strings.Join(words, ", ")
}

// DefaultFile is the expectation file that is read without being named.
const DefaultFile = "wsconform.yaml"

// LoadFor reads the named files, or [DefaultFile] if none is named and that one exists.
// A named file has to be about one of the agents.
func LoadFor(names []string, agents ...harness.Agent) ([]Expectations, error) {
	if len(names) == 0 {
		x, err := Load(DefaultFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return []Expectations{x}, nil
	}
	var files []Expectations
	for _, name := range names {
		x, err := Load(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(agents, x.appliesTo) {
			return nil, fmt.Errorf("%s is about %s, which is not what is tested: correct its agent or role, or omit it", name, x.About())
		}
		files = append(files, x)
	}
	return files, nil
}
