// Package comparison writes the site that sets many runs side by side.
//
// Start reading at [Write] (write.go): it reads one run file after the other,
// writes the page of each, keeps of it what the overview needs (a row, row.go),
// and at the end writes index.html. fingerprint.go works out of the transcripts
// how an implementation behaves where the standard leaves it a choice; faults.go
// puts what somebody found out about its failures beside them.
//
// The site is a pure function of the run files and of the agents' findings: the
// same give the same octets. It needs no network and no server. The overview is one page; its data
// is JSON within it, and site/*.js shows it in views that a hash names, such as
// #case=5.15. Whatever came from a peer or a package is set as text, never as
// markup, and the page's policy allows no other script or style.
package comparison
