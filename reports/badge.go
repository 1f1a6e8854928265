package reports

import (
	"encoding/json"
	"fmt"
	"html"
	"io"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

const badgeLabel = "WebSocket"

// badge gives the run a few words and a colour. An incomplete run never looks like one
// that passed.
func badge(s summary.Summary) (text, colour string) {
	n := len(s.Rows)
	switch s.State {
	case runfile.Invalid:
		return "invalid run", "#776753"
	case runfile.Partial:
		if fails := s.Standings(summary.Bad); fails > 0 {
			return fmt.Sprintf("%d of %d fail, incomplete", fails, n), "#b3261e"
		}
		return fmt.Sprintf("incomplete, %d of %d", n-s.Missing, n), "#776753"
	case runfile.Complete:
	}
	colour = map[harness.Outcome]string{
		harness.Fail: "#b3261e", harness.Unsupported: "#6a43b5", harness.PassLenient: "#8f5c00",
	}[s.Tone()]
	if colour == "" {
		colour = "#1b7a49"
	}
	return s.Headline(), colour
}

// writeBadge writes the run as an SVG badge. Nothing in it comes from the peer.
func writeBadge(w io.Writer, in Input) error {
	text, colour := badge(summary.Of(in))
	left, right := textWidth(badgeLabel)+12, textWidth(text)+12
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[2]s: %[3]s">
<title>%[2]s: %[3]s</title>
<clipPath id="r"><rect width="%[1]d" height="20" rx="4"/></clipPath>
<g clip-path="url(#r)"><rect width="%[4]d" height="20" fill="#3b3935"/><rect x="%[4]d" width="%[5]d" height="20" fill="%[6]s"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle"><text x="%[7]d" y="14" textLength="%[8]d">%[2]s</text><text x="%[9]d" y="14" textLength="%[10]d">%[3]s</text></g>
</svg>
`, left+right, html.EscapeString(badgeLabel), html.EscapeString(text), left, right, colour,
		left/2, left-12, left+right/2, right-12)
	return err
}

// textWidth estimates the width of a text in Verdana 11, in pixels.
func textWidth(s string) int {
	tenths := 0
	for _, r := range s {
		switch r {
		case ' ', ',', 'f', 'i', 'l', 't', 'r', 'j':
			tenths += 42
		case 'm', 'w', 'W':
			tenths += 100
		default:
			tenths += 69
		}
	}
	return tenths / 10
}

// writeBadgeJSON writes the badge as JSON for the endpoint of shields.io.
func writeBadgeJSON(w io.Writer, in Input) error {
	text, colour := badge(summary.Of(in))
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(struct {
		Schema  int    `json:"schemaVersion"`
		Label   string `json:"label"`
		Message string `json:"message"`
		Color   string `json:"color"`
	}{1, badgeLabel, text, colour})
}
