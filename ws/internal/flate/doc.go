// Package flate compresses and decompresses WebSocket messages: raw DEFLATE (RFC
// 1951) with a window of 2^8 to 2^15 bytes, in pieces of any size.
package flate
