package pattern_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/pattern"
)

func TestSelect(t *testing.T) {
	tests := []struct {
		include, exclude string
		want             int
	}{
		{"*", "", 517},
		{"*", "12.* 13.*", 301},
		{"*", "9.*", 463},
		{"*", "9.* 12.* 13.*", 247},
		{"1.*", "", 16},
		{"1*", "", 233}, // with 10, 12 and 13
		{"5.1*", "", 11},
		{"*.1", "", 273},
		{"9.[12].*", "", 12},
		{"7.*.1", "", 10}, // 7.7.10 to 7.7.13 too
		{"1[1-4].*", "", 216},
		{"12.*.1", "", 50}, // 12.1.1 and 12.1.10 to 12.1.18, five times
		{"1.1", "", 0},     // an id, not a section
		{"1.1.1", "", 1},
		{"1.1.1 1.1.* 1.1.1", "", 8}, // each once
		{"(1|2)*", "", 16 + 11 + 1 + 216},
		{"*|zzz", "", 517},
		{"1.*", "1.1.1 1.2.*", 7},
		{"", "", 0},
		{".*", "", 0}, // the dot is literal
		{"[[:digit:]]*", "", 0},
		{"[]5].1*", "", 11}, // the bracket belongs to the class, and so does what follows
		{"[^]2-9]*", "", 16 + 1 + 216},
		{"[^^2-9]*", "", 16 + 1 + 216},
	}
	for _, test := range tests {
		got, err := pattern.Select(autobahn.All(), strings.Fields(test.include), strings.Fields(test.exclude))
		if err != nil || len(got) != test.want {
			t.Errorf("Select(%q, %q) = %d cases, %v; want %d", test.include, test.exclude, len(got), err, test.want)
		}
	}
}

func TestSelectToleratesEmptyPatterns(t *testing.T) {
	got, err := pattern.Select(autobahn.All(), []string{"5.*", ""}, []string{""})
	if err != nil || len(got) != 20 {
		t.Errorf("got %d cases, %v; want 20", len(got), err)
	}
}

func TestSelectSorts(t *testing.T) {
	list := autobahn.All()
	slices.Reverse(list)
	got, err := pattern.Select(append(list, list...), []string{"5.*", "2.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 31 || !slices.IsSortedFunc(got, func(a, b cases.Case) int { return a.ID.Compare(b.ID) }) {
		t.Errorf("got %d cases, sorted or not; want 31 in order", len(got))
	}
}

func TestSelectRejectsMalformedPatterns(t *testing.T) {
	for _, p := range []string{"(*", "[*", "1.*)(", "*{2}{2}", `*\`, "(?=1)*"} {
		_, err := pattern.Select(autobahn.All(), []string{p}, nil)
		var bad *pattern.Error
		if !errors.As(err, &bad) || bad.Pattern != p || bad.Unwrap() == nil {
			t.Errorf("Select(%q): got error %v, want a *pattern.Error", p, err)
		}
		if _, err := pattern.Select(nil, nil, []string{p}); !errors.As(err, &bad) {
			t.Errorf("Select without %q: got error %v, want a *pattern.Error", p, err)
		}
	}
}

func TestUnmatched(t *testing.T) {
	got := pattern.Unmatched(autobahn.All(), []string{"*", "", "1.1", "8.*", "1.1.1", "(*", "13.8*"})
	if want := []string{"1.1", "8.*", "(*", "13.8*"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAgentExcludes(t *testing.T) {
	x, err := pattern.CompileAgentExcludes(map[string][]string{
		"peer/*":   {"12.*", "2.10"},
		"old/1.0":  {"*"},
		"other|it": {"5.*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		agent string
		id    cases.ID
		want  bool
	}{
		{"peer/1.0", "12.1.1", true},
		{"peer/1.0", "2.10", true},
		{"peer/1.0", "2.1", false},
		{"peer/1.0", "13.1.1", false},
		{"peer", "12.1.1", false},
		{"a peer/1.0", "12.1.1", false},
		{"old/1.0", "1.1.1", true},
		{"old/1x0", "1.1.1", false},
		{"old/1.0.1", "1.1.1", false},
		{"it", "5.1", true},
		{"item", "5.1", false},
	}
	for _, test := range tests {
		if got := x.Excludes(test.agent, test.id); got != test.want {
			t.Errorf("Excludes(%q, %q) = %v, want %v", test.agent, test.id, got, test.want)
		}
	}
	var bad *pattern.Error
	for _, m := range []map[string][]string{{"(": {"*"}}, {"*": {"["}}} {
		if _, err := pattern.CompileAgentExcludes(m); !errors.As(err, &bad) {
			t.Errorf("%v: got error %v, want a *pattern.Error", m, err)
		}
	}
}

func ExampleSelect() {
	list, err := pattern.Select(autobahn.All(), []string{"*"}, []string{"9.*", "12.*", "13.*"})
	fmt.Println(len(list), err)
	// Output: 247 <nil>
}

func FuzzSelect(f *testing.F) {
	for _, p := range []string{"*", "1.*", "9.[12].*", "(1|2)*", `[^]]*\Z`, "{,3}*", "[[:alpha:]]*", `\Q*\E`, "", "*.*.*"} {
		f.Add(p, "")
		f.Add("*", p)
	}
	list := autobahn.All()
	f.Fuzz(func(t *testing.T, include, exclude string) {
		got, err := pattern.Select(list, []string{include}, []string{exclude})
		if err != nil {
			if _, ok := errors.AsType[*pattern.Error](err); !ok {
				t.Fatalf("got error %v, want a *pattern.Error", err)
			}
			return
		}
		for i, c := range got {
			if i > 0 && got[i-1].ID.Compare(c.ID) >= 0 {
				t.Fatalf("case %s comes after %s", c.ID, got[i-1].ID)
			}
		}
		if strings.Trim(include, "0123456789.*") != "" || exclude != "" {
			return
		}
		if want := countByHand(list, include); len(got) != want {
			t.Errorf("Select(%q) = %d cases, want %d", include, len(got), want)
		}
	})
}

// countByHand matches patterns of digits, dots and stars without a regular expression.
func countByHand(list []cases.Case, pattern string) int {
	parts := strings.Split(pattern, "*")
	n := 0
	for _, c := range list {
		rest, ok := strings.CutPrefix(string(c.ID), parts[0])
		for _, part := range parts[1:] {
			at := strings.Index(rest, part)
			if at < 0 {
				ok = false
				break
			}
			rest = rest[at+len(part):]
		}
		if len(parts) == 1 {
			ok = string(c.ID) == pattern
		}
		if ok {
			n++
		}
	}
	return n
}
