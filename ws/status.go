package ws

import "github.com/wsconform/wsconform/ws/wsproto"

// The status codes that a program sends. All of them are in package wsproto.
const (
	StatusNormalClosure   = wsproto.StatusNormalClosure
	StatusGoingAway       = wsproto.StatusGoingAway
	StatusUnsupportedData = wsproto.StatusUnsupportedData
	StatusPolicyViolation = wsproto.StatusPolicyViolation
	StatusInternalError   = wsproto.StatusInternalError
)
