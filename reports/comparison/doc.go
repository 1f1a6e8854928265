// Package comparison writes a site that compares many runs.
//
// Start reading at [Write] (write.go). It reads one run file after another, writes the
// page of each, keeps what the overview needs (a row, row.go), and finally writes
// index.html. fingerprint.go derives from the transcripts how an implementation behaves
// where the standard leaves it a choice; faults.go adds the known reasons for failures.
//
// The site is a pure function of the run files and of the agents' findings: the same
// input gives the same bytes. It needs no network and no server. The overview is one
// page with its data as JSON; site/*.js shows it in views that the URL's hash selects,
// such as #case=5.15. Whatever comes from a peer or a package is set as text, never as
// markup, and the page's policy allows no other script or style.
package comparison
