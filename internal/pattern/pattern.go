// Package pattern selects cases by patterns such as "7.*", as the configuration files of the
// Autobahn testsuite do: [Select] for the cases of a run, [AgentExcludes] for those that some
// agents are spared.
package pattern

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
)

// An Error is a pattern that is no regular expression once its stars and
// dots have been translated.
type Error struct {
	Pattern string
	err     error
}

func (e *Error) Error() string { return fmt.Sprintf("cases: pattern %q: %v", e.Pattern, e.err) }

// Unwrap returns what the regexp package said.
func (e *Error) Unwrap() error { return e.err }

// Select returns the cases that a pattern of include matches and none of
// exclude does, each once, in the order of [cases.ID.Compare].
//
// Patterns are those of the Autobahn testsuite. One without a star is an id,
// taken literally: "1.1" is no section. In one with a star, dots are literal, a
// star is anything, other characters mean what they mean in a regular
// expression, and the match may end before the id does: "1.*" is section 1,
// "1*" also 10, 12 and 13, "9.[12].*" two groups. A pattern may match nothing;
// [Unmatched] tells. A malformed one is a [*Error].
func Select(list []cases.Case, include, exclude []string) ([]cases.Case, error) {
	wanted, err := compileAll(include)
	if err != nil {
		return nil, err
	}
	unwanted, err := compileAll(exclude)
	if err != nil {
		return nil, err
	}
	var selected []cases.Case
	for _, c := range list {
		if matchesAny(wanted, c.ID) && !matchesAny(unwanted, c.ID) {
			selected = append(selected, c)
		}
	}
	slices.SortStableFunc(selected, func(a, b cases.Case) int { return a.ID.Compare(b.ID) })
	return slices.CompactFunc(selected, func(a, b cases.Case) bool { return a.ID == b.ID }), nil
}

// Unmatched returns the patterns that match no case of the list, malformed ones
// among them. Empty patterns, which Autobahn's configurations contain, are
// passed over.
func Unmatched(list []cases.Case, patterns []string) []string {
	var unmatched []string
	for _, p := range patterns {
		m, err := compile(p)
		if p != "" && (err != nil || !slices.ContainsFunc(list, func(c cases.Case) bool { return m(c.ID) })) {
			unmatched = append(unmatched, p)
		}
	}
	return unmatched
}

// AgentExcludes says which cases are not run against which agents.
type AgentExcludes []agentExclude

type agentExclude struct{ agent, cases *regexp.Regexp }

// CompileAgentExcludes reads a map of agent pattern to case patterns. Both kinds
// are translated as by [Select], but always, and must match from end to end.
func CompileAgentExcludes(patterns map[string][]string) (AgentExcludes, error) {
	var x AgentExcludes
	for agent, list := range patterns {
		agentRE, err := compileExpression(agent, `^(?:`, `)$`)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			casesRE, err := compileExpression(p, `^(?:`, `)$`)
			if err != nil {
				return nil, err
			}
			x = append(x, agentExclude{agentRE, casesRE})
		}
	}
	return x, nil
}

// Excludes reports whether the case is not to be run against the agent.
func (x AgentExcludes) Excludes(agent string, id cases.ID) bool {
	return slices.ContainsFunc(x, func(e agentExclude) bool {
		return e.agent.MatchString(agent) && e.cases.MatchString(string(id))
	})
}

type matcher func(cases.ID) bool

func compileAll(patterns []string) ([]matcher, error) {
	list := make([]matcher, len(patterns))
	for i, p := range patterns {
		m, err := compile(p)
		if err != nil {
			return nil, err
		}
		list[i] = m
	}
	return list, nil
}

func matchesAny(list []matcher, id cases.ID) bool {
	return slices.ContainsFunc(list, func(m matcher) bool { return m(id) })
}

func compile(pattern string) (matcher, error) {
	if !strings.Contains(pattern, "*") {
		return func(id cases.ID) bool { return string(id) == pattern }, nil
	}
	re, err := compileExpression(pattern, `^(?:`, `)`)
	if err != nil {
		return nil, err
	}
	return func(id cases.ID) bool { return re.MatchString(string(id)) }, nil
}

func compileExpression(pattern, before, after string) (*regexp.Regexp, error) {
	expr := strings.NewReplacer(".", `\.`, "*", `.*`).Replace(pattern)
	re, err := regexp.Compile(fromPython(expr))
	if err == nil {
		re, err = regexp.Compile(before + re.String() + after)
	}
	if err != nil {
		return nil, &Error{pattern, err}
	}
	return re, nil
}

// fromPython translates the syntax that Python and Go read differently.
// Backreferences and lookaround have no translation: they stay, as errors.
func fromPython(expr string) string {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(expr); i++ {
		rest := expr[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			i++
			switch rest[1] {
			case 'Z': // the end of the text
				b.WriteString(`\z`)
			case 'C', 'E', 'P', 'Q', 'p', 'z': // classes and quotes in Go, themselves in Python
				b.WriteByte(rest[1])
			default:
				b.WriteString(rest[:2])
			}
			continue
		case inClass && rest[0] == ']':
			inClass = false
		case inClass && rest[0] == '[': // no [:alpha:] in Python
			b.WriteByte('\\')
		case !inClass && rest[0] == '[':
			inClass = true
			// A bracket that comes first belongs to the class.
			for _, start := range []string{"[^]", "[]", "[^"} {
				if strings.HasPrefix(rest, start) {
					b.WriteString(start[:len(start)-1])
					i += len(start) - 1
					rest = expr[i:]
					break
				}
			}
		case !inClass && strings.HasPrefix(rest, "{,"): // {,3} is {0,3}
			b.WriteString("{0")
			continue
		}
		b.WriteByte(rest[0])
	}
	return b.String()
}
