package transcript

// A TLSState is what was agreed in the handshake of TLS. Words are those of Go's
// crypto/tls.
type TLSState struct {
	Version  string `json:"version"`            // such as "TLS 1.3"
	Protocol string `json:"protocol,omitempty"` // chosen by ALPN
	Name     string `json:"name,omitempty"`     // of the server, as the client sent it
}

// CloseNotify are the words of the alert that ends TLS in order.
const CloseNotify = "close notify"
