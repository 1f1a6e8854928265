// Package runfile holds runs: what was to be played against whom, and the result of each case.
//
// A run file holds a [Run] as JSON Lines: [Writer] writes it, [Open] reads it, [Resume]
// continues it, and [Merge] joins several. [Select] chooses the cases, [Repeat] gives the
// command that plays one again, and [Parity] compares two runs. [Secrets] keeps passwords out.
package runfile
