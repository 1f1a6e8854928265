// Package transcript is the record of one connection: what both ends sent, what happened
// and when, and which bytes broke a rule. Engines write transcripts, cases judge them, and
// run files and reports show them. All of it is data, and every list is bounded, whatever the
// peer sends.
//
// Start at [Transcript], then [Event] (what a case can want) and [Entry] (a line of the wire
// log). [Offences] marks the bytes that break a rule; [Changes] says what a gateway did.
package transcript
