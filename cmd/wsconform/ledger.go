package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/internal/coverage"
	"github.com/wsconform/wsconform/internal/ledger"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/kills"
)

// A ledgerQuery says which requirements are listed, and how.
type ledgerQuery struct {
	levels    []string
	rules     []string
	uncovered bool
	kills     bool
	json      bool
	out       string
}

func ledgerCommand() *cobra.Command {
	var o ledgerQuery
	c := &cobra.Command{
		Use:   "ledger",
		Short: "List the requirements of the standards and what tests them",
		Long: `Lists what the standards ask of a WebSocket endpoint: each requirement with its level,
how many cases test it, how many of the faulty peers break it, and whether a case that
tests it finds such a peer:

    killed    it does
    tested    cases test it, and none of them finds such a peer
    open      no case tests it
    outside   no test of a connection can tell

--kills sums up which faulty peers the cases find, compared with Autobahn.`,
		Example: `  wsconform ledger --level MUST --uncovered
  wsconform ledger --rfc 'RFC 6455 5.4'
  wsconform ledger --kills
  wsconform ledger --json`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.levels, "level", nil, "list requirements of these `LEVELS`: MUST (with MUST NOT), SHOULD (with SHOULD NOT), MAY")
	f.StringArrayVar(&o.rules, "rfc", nil, "list requirements of this `SECTION` or one below it, such as 'RFC 6455 5.5'")
	f.BoolVar(&o.uncovered, "uncovered", false, "list requirements without a killing case: tested and open")
	f.BoolVar(&o.kills, "kills", false, "sum up the kill matrix instead")
	f.BoolVar(&o.json, "json", false, "write one JSON object per line; with --kills, the whole matrix")
	f.StringVarP(&o.out, "out", "o", "", "write kills.html and kills.json to this folder, `DIR`, too")
	complete(c, "level", "MUST", "SHOULD", "MAY")
	return c
}

func (o *ledgerQuery) run(w io.Writer) error {
	for _, level := range o.levels {
		if !slices.Contains([]string{"MUST", "SHOULD", "MAY"}, level) {
			return usagef("--level %q: must be MUST, SHOULD or MAY", level)
		}
	}
	if o.out != "" {
		if err := kills.Write(o.out); err != nil {
			return err
		}
	}
	if o.kills {
		if o.json {
			return kills.WriteJSON(w)
		}
		return writeKills(w)
	}
	list := slices.DeleteFunc(coverage.Requirements(), func(r coverage.Requirement) bool { return !o.wants(r) })
	if len(list) == 0 {
		all := *o
		all.uncovered = false
		if o.uncovered && slices.ContainsFunc(coverage.Requirements(), all.wants) {
			if !o.json {
				fmt.Fprintln(w, "none: a case that kills a fault tests each requirement of these filters")
			}
			return nil
		}
		return usagef("no requirement matches the filters")
	}
	enc := json.NewEncoder(w)
	for _, r := range list {
		if o.json {
			if err := enc.Encode(ledgerLine(r)); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%-10s %-8s %s (%s, %s)\n", r.Level, r.State(), r.ID, r.Ref, r.Role)
		wrap(w, r.Words)
		if r.Never != "" {
			wrap(w, "cannot be seen: "+r.Never)
		} else {
			wrap(w, fmt.Sprintf("cases: %s; faulty peers: %s", orNone(runfile.ListIDs(r.Cases)), orNone(strings.Join(r.Mutants, " "))))
		}
	}
	if o.json {
		return nil
	}
	fmt.Fprintln(w)
	for _, t := range coverage.Levels(list) {
		fmt.Fprintf(w, "%-10s %3d: %d killed, %d tested, %d open, %d outside\n",
			t.Level, t.Total, t.Counts[coverage.Killed], t.Counts[coverage.Tested], t.Counts[coverage.Open], t.Counts[coverage.Outside])
	}
	return nil
}

func (o *ledgerQuery) wants(r coverage.Requirement) bool {
	level := strings.TrimSuffix(string(r.Level), " NOT")
	if len(o.levels) > 0 && !slices.Contains(o.levels, level) {
		return false
	}
	for _, rule := range o.rules {
		if r.Ref != rule && !strings.HasPrefix(r.Ref, rule+" ") && !strings.HasPrefix(r.Ref, rule+".") {
			return false
		}
	}
	return !o.uncovered || r.State() == coverage.Tested || r.State() == coverage.Open
}

// ledgerLine is a requirement as JSON.
func ledgerLine(r coverage.Requirement) any {
	return struct {
		ID       string             `json:"id"`
		Ref      string             `json:"ref"`
		Level    ledger.Level       `json:"level"`
		Role     ledger.Role        `json:"role"`
		Test     ledger.Test        `json:"test"`
		Words    string             `json:"words"`
		State    coverage.State     `json:"state"`
		Cases    []cases.ID         `json:"cases"`
		Mutants  []string           `json:"mutants"`
		Killings []coverage.Killing `json:"killings"`
		Never    string             `json:"never,omitempty"`
	}{
		r.ID, r.Ref, r.Level, r.Role, r.Test, r.Words, r.State(),
		append([]cases.ID{}, r.Cases...), append([]string{}, r.Mutants...), append([]coverage.Killing{}, r.Killings...), r.Never,
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func writeKills(w io.Writer) error {
	m := coverage.Of(mutants.Kills())
	fmt.Fprintf(w, "wsconform kills %d of %d, Autobahn %d of %d\n", m.Ours, m.Mutants, m.Autobahn, m.Mutants)
	if m.Gateways > 0 {
		fmt.Fprintf(w, "wsconform kills %d of %d faulty gateways\n", m.GatewaysKilled, m.Gateways)
	}
	fmt.Fprintf(w, "by a case that fails: wsconform %d, Autobahn %d\n", m.OursRed, m.OldRed)
	for _, k := range m.Alive {
		fmt.Fprintf(w, "no case kills %s as a %s\n", k.Mutant, k.Role)
	}
	var left []string
	for _, r := range coverage.Requirements() {
		if s := r.State(); r.Binding() && (s == coverage.Tested || s == coverage.Open) {
			left = append(left, r.ID)
		}
	}
	fmt.Fprintf(w, "MUST-level requirements without a killing case: %d\n", len(left))
	for _, id := range left {
		fmt.Fprintf(w, "  %s\n", id)
	}
	fmt.Fprintf(w, "cases that kill nothing: %d\n", len(m.Idle))
	wrap(w, orNone(runfile.ListIDs(m.Idle)))
	return nil
}
