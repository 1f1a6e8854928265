//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
)

// A table has a row for each library and a column for each thing measured.
type table struct {
	title   string
	list    []library
	columns []*column
}

// A column has the samples of each library; those at one index were taken in one
// round.
type column struct {
	title   string
	samples [][]float64
}

func newTable(title string, list []library) *table { return &table{title: title, list: list} }

func (t *table) column(title string) *column {
	c := &column{title, make([][]float64, len(t.list))}
	t.columns = append(t.columns, c)
	return c
}

func (c *column) add(i int, v float64) { c.samples[i] = append(c.samples[i], v) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// ratio is to the first library, round by round.
func (c *column) ratio(i int) (float64, bool) {
	if len(c.samples[0]) != len(c.samples[i]) {
		return 0, false
	}
	var r []float64
	for k, v := range c.samples[i] {
		r = append(r, v/c.samples[0][k])
	}
	return median(r), true
}

// print writes the table in Markdown: the median and, in brackets, the ratio.
func (t *table) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "\n| %s\t|", t.title)
	for _, c := range t.columns {
		fmt.Fprintf(w, " %s\t|", c.title)
	}
	fmt.Fprint(w, "\n|---\t|")
	for range t.columns {
		fmt.Fprint(w, "---\t|")
	}
	for i, l := range t.list {
		fmt.Fprintf(w, "\n| %s\t|", l.name)
		for _, c := range t.columns {
			if len(c.samples[i]) == 0 {
				fmt.Fprint(w, " -\t|")
				continue
			}
			fmt.Fprintf(w, " %.4g", median(c.samples[i]))
			if r, ok := c.ratio(i); ok && i > 0 {
				fmt.Fprintf(w, " (%.2f)", r)
			}
			fmt.Fprint(w, "\t|")
		}
	}
	fmt.Fprintln(w)
	return w.Flush()
}
