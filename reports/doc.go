// Package reports turns run files into what people and machines read: an HTML page,
// JUnit XML, Markdown, JSON, a badge, annotations, Autobahn's folder.
//
// Start at [Formats], the table of them all. [Write] writes those of one run into a
// folder, [WriteSite] the pages of several with an overview, and [Diff] finds what
// changed between two. Every format is a pure function of its [Input], the run and what
// was decided about it: the same input gives the same bytes. The small formats are in
// this package; the page is in reports/internal/html, Autobahn's folder in reports/autobahn, the
// comparison of many implementations in reports/comparison.
//
// Whatever a peer can choose (its name, payloads, headers, reasons) is hostile here. It
// is escaped by the format, made visible where it would not be seen, cut where it is long
// (reports/internal/show), and never part of a path unless sanitized.
package reports
