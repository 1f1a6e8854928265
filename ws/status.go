package ws

import "github.com/wsconform/wsconform/ws/wsproto"

// A StatusCode says in a close frame why a connection ends (RFC 6455 §7.4).
type StatusCode = wsproto.StatusCode

// The status codes that most programs need. All of them are in package wsproto.
const (
	StatusNormalClosure           = wsproto.StatusNormalClosure
	StatusGoingAway               = wsproto.StatusGoingAway
	StatusProtocolError           = wsproto.StatusProtocolError
	StatusUnsupportedData         = wsproto.StatusUnsupportedData
	StatusNoStatusRcvd            = wsproto.StatusNoStatusRcvd // a close frame without a code
	StatusInvalidFramePayloadData = wsproto.StatusInvalidFramePayloadData
	StatusPolicyViolation         = wsproto.StatusPolicyViolation
	StatusMessageTooBig           = wsproto.StatusMessageTooBig
	StatusInternalError           = wsproto.StatusInternalError
)
