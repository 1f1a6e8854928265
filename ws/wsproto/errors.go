package wsproto

import "fmt"

// A ProtocolError says which rule the peer broke and the close code it earned.
// A Conn has told the peer by the time it returns one.
type ProtocolError struct {
	RFC     int        // 6455 or 7692
	Section string     // such as "5.5"
	Code    StatusCode // for the close frame
	Reason  string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("ws: %s (RFC %d §%s)", e.Reason, e.RFC, e.Section)
}

func violation(section, reason string) *ProtocolError {
	return &ProtocolError{RFC: 6455, Section: section, Code: StatusProtocolError, Reason: reason}
}
