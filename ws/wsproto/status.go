package wsproto

import "strconv"

// A StatusCode says in a close frame why a connection ends (RFC 6455 §7.4).
type StatusCode uint16

// The codes of RFC 6455 §7.4.1 and of the IANA registry it opens.
const (
	StatusNormalClosure           StatusCode = 1000
	StatusGoingAway               StatusCode = 1001
	StatusProtocolError           StatusCode = 1002
	StatusUnsupportedData         StatusCode = 1003
	StatusReserved                StatusCode = 1004 // never on the wire
	StatusNoStatusRcvd            StatusCode = 1005 // never on the wire: a close frame without a code
	StatusAbnormalClosure         StatusCode = 1006 // never on the wire: no close frame at all
	StatusInvalidFramePayloadData StatusCode = 1007
	StatusPolicyViolation         StatusCode = 1008
	StatusMessageTooBig           StatusCode = 1009
	StatusMandatoryExt            StatusCode = 1010
	StatusInternalError           StatusCode = 1011
	StatusServiceRestart          StatusCode = 1012
	StatusTryAgainLater           StatusCode = 1013
	StatusBadGateway              StatusCode = 1014
	StatusTLSHandshake            StatusCode = 1015 // never on the wire
)

// Valid reports whether the code may appear in a close frame: the assigned ones
// of 1000..1014, and all of 3000..4999 (RFC 6455 §7.4.2).
func (c StatusCode) Valid() bool {
	switch {
	case c < 1000:
		return false
	case c == StatusReserved, c == StatusNoStatusRcvd, c == StatusAbnormalClosure:
		return false
	case c <= StatusBadGateway:
		return true
	default:
		return c >= 3000 && c <= 4999
	}
}

var statusNames = map[StatusCode]string{
	StatusNormalClosure:           "normal closure",
	StatusGoingAway:               "going away",
	StatusProtocolError:           "protocol error",
	StatusUnsupportedData:         "unsupported data",
	StatusReserved:                "reserved",
	StatusNoStatusRcvd:            "no status received",
	StatusAbnormalClosure:         "abnormal closure",
	StatusInvalidFramePayloadData: "invalid frame payload data",
	StatusPolicyViolation:         "policy violation",
	StatusMessageTooBig:           "message too big",
	StatusMandatoryExt:            "mandatory extension",
	StatusInternalError:           "internal error",
	StatusServiceRestart:          "service restart",
	StatusTryAgainLater:           "try again later",
	StatusBadGateway:              "bad gateway",
	StatusTLSHandshake:            "TLS handshake",
}

// String is the number and, where one is registered, the name.
func (c StatusCode) String() string {
	s := strconv.Itoa(int(c))
	if name, ok := statusNames[c]; ok {
		s += " (" + name + ")"
	}
	return s
}
