// Package passive judges the WebSocket connections of others: it reads what both ends send,
// takes no part, and lists the rules that each end breaks, with the section of the RFC.
//
// Start at [Conn], which takes the bytes of one connection. [Capture] reads a capture of
// packets and [Archive] an HTTP archive (HAR) of a browser; [Recorder] stands between two
// ends, forwards what they send, and can keep it as a capture.
package passive
