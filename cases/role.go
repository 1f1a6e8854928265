package cases

import "github.com/wsconform/wsconform/internal/transcript"

// Role says what is under test, as a transcript does.
type Role = transcript.Role

// The roles of a peer under test.
const (
	Server  = transcript.Server
	Client  = transcript.Client
	Gateway = transcript.Gateway
)
