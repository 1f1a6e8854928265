package cases

import "strings"

// HTTP2 is a connection that is played frame by frame of HTTP/2.
type HTTP2 struct {
	// Settings are what our first SETTINGS frame says beyond the usual.
	Settings []Setting
	// Manual leaves the windows of what the peer sends to [Grant].
	Manual bool
}

func (h *HTTP2) String() string {
	words := []string{"open a connection of HTTP/2"}
	for _, s := range h.Settings {
		words = append(words, s.String())
	}
	if h.Manual {
		words = append(words, "opening no window but in steps")
	}
	return strings.Join(words, ", ")
}

// A Setting is one of a SETTINGS frame (RFC 9113 §6.5.1).
type Setting struct {
	ID    uint16
	Value uint32
}

// The settings that cases change.
const (
	SettingMaxConcurrentStreams  uint16 = 3
	SettingInitialWindowSize     uint16 = 4
	SettingMaxFrameSize          uint16 = 5
	SettingMaxHeaderListSize     uint16 = 6
	SettingEnableConnectProtocol uint16 = 8
)
