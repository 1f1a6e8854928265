package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A streamError is a failure that the engine reports in the middle of a stream with
// status 200.
type streamError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *streamError) Error() string { return e.Message }

// A message is one JSON object of the engine's progress stream for a pull, a build or an
// import.
type message struct {
	Stream   string `json:"stream"` // output of a build, any number of lines
	Status   string `json:"status"`
	ID       string `json:"id"` // layer that Status is about
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error  *streamError `json:"errorDetail"`
	ErrStr string       `json:"error"`
}

// follow reads the stream to its end. It calls line for every line, without terminal
// colours, and alive for every message; both may be nil. If the engine reports a
// failure the error is a *streamError.
func follow(r io.Reader, line func(string), alive func()) error {
	if line == nil {
		line = func(string) {}
	}
	var rest string // of the last line of a build
	layers := layers{sizes: map[string][2]int64{}}
	for dec := json.NewDecoder(r); ; {
		var m message
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			flush(&rest, line)
			return nil
		case err != nil:
			return err
		}
		if alive != nil {
			alive()
		}
		switch {
		case m.Error != nil:
			flush(&rest, line)
			return m.Error
		case m.ErrStr != "":
			flush(&rest, line)
			return &streamError{Message: m.ErrStr}
		case m.Stream != "":
			lines := strings.Split(rest+m.Stream, "\n")
			rest = lines[len(lines)-1]
			for _, l := range lines[:len(lines)-1] {
				if l = clean(l); l != "" {
					line(l)
				}
			}
		case m.Status != "":
			layers.add(m, line)
		}
	}
}

func flush(rest *string, line func(string)) {
	if l := clean(*rest); l != "" {
		line(l)
	}
	*rest = ""
}

// Layers sums up the progress of a pull, which reports each layer many times a second.
type layers struct {
	sizes map[string][2]int64 // bytes so far, and in all
	told  int64               // tenths of the whole, as last reported
}

func (ls *layers) add(m message, line func(string)) {
	switch {
	case m.Status == "Downloading" && m.Progress.Total > 0:
		ls.sizes[m.ID] = [2]int64{m.Progress.Current, m.Progress.Total}
	case m.Status == "Download complete":
		if s, ok := ls.sizes[m.ID]; ok {
			ls.sizes[m.ID] = [2]int64{s[1], s[1]}
		}
	case m.ID == "" || m.Progress.Total == 0 && strings.HasPrefix(m.Status, "Pulling from"):
		line(clean(m.Status))
		return
	default:
		return
	}
	var have, all int64
	for _, s := range ls.sizes {
		have, all = have+s[0], all+s[1]
	}
	if tenths := have * 10 / max(all, 1); tenths > ls.told {
		ls.told = tenths
		line(fmt.Sprintf("downloaded %.1f of %.1f MB", float64(have)/1e6, float64(all)/1e6))
	}
}

// clean makes a line of program output safe to show: without control characters, so
// without escape sequences, and not too long.
func clean(s string) string {
	if i := strings.LastIndexByte(strings.TrimRight(s, "\r"), '\r'); i >= 0 {
		s = s[i+1:] // a progress bar, drawn over itself
	}
	for {
		start := strings.Index(s, "\x1b[")
		if start < 0 {
			break
		}
		end := strings.IndexFunc(s[start+2:], func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			s = s[:start]
			break
		}
		s = s[:start] + s[start+2+end+1:]
	}
	s = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return shorten(strings.TrimRight(s, " "), 500)
}

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + " …"
}
