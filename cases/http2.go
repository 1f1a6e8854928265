package cases

import (
	"strings"

	"golang.org/x/net/http2"
)

// HTTP2 is a connection that is played frame by frame of HTTP/2.
type HTTP2 struct {
	// Settings are what our first SETTINGS frame says beyond the usual.
	Settings []http2.Setting
	// Manual leaves the windows of what the peer sends to [Grant].
	Manual bool
}

func (h *HTTP2) String() string {
	words := []string{"open a connection of HTTP/2"}
	for _, s := range h.Settings {
		words = append(words, settingWords(s))
	}
	if h.Manual {
		words = append(words, "opening no window but in steps")
	}
	return strings.Join(words, ", ")
}
