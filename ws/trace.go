package ws

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// LevelPayload is the level, below Debug, at which what frames carry is logged
// too. It may be a secret.
const LevelPayload = slog.LevelDebug - 4

// A FrameEvent is a frame that is about to be sent or has been received.
type FrameEvent struct {
	Sent   bool
	Header wsproto.Header
	// Payload is the payload, unmasked and not inflated; of a data frame only its
	// beginning, at most 125 octets, and of a received one only what came along
	// with the header. It must not be kept.
	Payload []byte
}

// tracedPayload is how much of a data frame's payload is shown.
const tracedPayload = wsproto.MaxControlPayload

// traceSent is called in front of each frame if onFrame is set.
func (c *Conn) traceSent(h wsproto.Header, payload []byte) {
	c.onFrame(FrameEvent{Sent: true, Header: h, Payload: payload[:min(len(payload), tracedPayload)]})
}

// traceReceived is called for each header of a data frame if onFrame is set;
// arrived is what came behind it.
func (c *Conn) traceReceived(h wsproto.Header, arrived []byte) {
	n := min(uint64(len(arrived)), h.Length, tracedPayload)
	p := slices.Clone(arrived[:n])
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, p)
	}
	c.onFrame(FrameEvent{Header: h, Payload: p})
}

// frameHook puts what hears of frames together. Nil means nothing does.
func frameHook(log *slog.Logger, hook func(FrameEvent)) func(FrameEvent) {
	if log == nil || !log.Enabled(context.Background(), slog.LevelDebug) {
		return hook
	}
	return func(e FrameEvent) {
		logFrame(log, e)
		if hook != nil {
			hook(e)
		}
	}
}

func logFrame(log *slog.Logger, e FrameEvent) {
	h := e.Header
	attrs := []slog.Attr{
		slog.String("opcode", h.Opcode.String()),
		slog.Bool("fin", h.Fin),
		slog.Uint64("length", h.Length),
	}
	if h.RSV != 0 {
		attrs = append(attrs, slog.Int("rsv", int(h.RSV)))
	}
	if h.Masked {
		attrs = append(attrs, slog.String("mask", fmt.Sprintf("%x", h.MaskKey)))
	}
	if h.Opcode == wsproto.OpClose {
		code, reason, err := wsproto.ParseClose(e.Payload)
		attrs = append(attrs, slog.Int("code", int(code)), slog.String("reason", reason))
		if err != nil {
			attrs = append(attrs, slog.String("error", err.Error()))
		}
	}
	ctx := context.Background()
	if log.Enabled(ctx, LevelPayload) && h.Opcode != wsproto.OpClose {
		attrs = append(attrs, slog.String("payload", fmt.Sprintf("%q", e.Payload)))
	}
	message := "frame received"
	if e.Sent {
		message = "frame sent"
	}
	log.LogAttrs(ctx, slog.LevelDebug, message, attrs...) //nolint:sloglint // one of two
}

func (o *DialOptions) debug(ctx context.Context, message string, attrs ...slog.Attr) {
	if o.Logger != nil {
		o.Logger.LogAttrs(ctx, slog.LevelDebug, message, attrs...) //nolint:sloglint // literals of the callers
	}
}

// headerGroup is a header for the log, without what gives access.
func headerGroup(name string, header http.Header) slog.Attr {
	var attrs []any
	for _, key := range slices.Sorted(maps.Keys(header)) {
		value := strings.Join(header[key], ", ")
		switch key {
		case "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie":
			value = "[redacted]"
		}
		attrs = append(attrs, slog.String(key, value))
	}
	return slog.Group(name, attrs...)
}
