// Package casepage says all that is known of a case: what is sent, what is wanted and
// why, which faults it finds, which bugs of well-known libraries it would have found,
// who disagrees, and who fails it. Start at [Of]; [Write] makes a folder of static
// pages, [WriteText] the same for a terminal.
//
// Everything comes from data: the case itself, the ledger of requirements, the kill
// matrix, and the tables of this package.
package casepage
