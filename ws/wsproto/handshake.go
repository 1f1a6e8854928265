package wsproto

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
)

// AcceptKey is the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC
// 6455 §4.2.2).
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// NewKey is a fresh Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455
// §4.1).
func NewKey() string {
	var nonce [16]byte
	rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// ValidKey reports whether the key is the base64 of 16 bytes, the only form
// there is of it (RFC 6455 §4.2.1).
func ValidKey(key string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(raw) == 16 && len(key) == 24
}
