// Package reports turns run files into what people and machines read: an HTML
// page, JUnit XML, Markdown, JSON and a badge.
//
// Start at [Formats], the table of them all; [Write] writes those of one run
// into a folder, [WriteSite] the pages of several with an overview. Every
// format is a pure function of the run: the same run gives the same octets.
//
// Whatever a peer can choose (its name, payloads, headers, reasons) is hostile
// here. It is escaped by the format, made visible where it would not be seen
// (visible.go), cut where it is long, and never becomes part of a path unless
// sanitized.
package reports
