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

// levelPayload is the level at which what frames carry is logged, too. It may be a
// secret.
const levelPayload = slog.LevelDebug - 4

// tracedPayload is how much of a data frame's payload is shown.
const tracedPayload = wsproto.MaxControlPayload

// traceSent is called in front of each frame if onFrame is set.
func (c *Conn) traceSent(h wsproto.Header, payload []byte) {
	c.onFrame(c, true, wsproto.Frame{Header: h, Payload: payload[:min(len(payload), tracedPayload)]})
}

// traceReceived is called for each header of a data frame if onFrame is set;
// arrived is what came after it.
func (c *Conn) traceReceived(h wsproto.Header, arrived []byte) {
	n := min(uint64(len(arrived)), h.Length, tracedPayload)
	p := slices.Clone(arrived[:n])
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, p)
	}
	c.onFrame(c, false, wsproto.Frame{Header: h, Payload: p})
}

// frameHook puts what hears of frames together. Nil means nothing does.
func frameHook(log *slog.Logger, hook func(*Conn, bool, wsproto.Frame)) func(*Conn, bool, wsproto.Frame) {
	if log == nil || !log.Enabled(context.Background(), slog.LevelDebug) {
		return hook
	}
	return func(c *Conn, sent bool, f wsproto.Frame) {
		logFrame(log, sent, f)
		if hook != nil {
			hook(c, sent, f)
		}
	}
}

func logFrame(log *slog.Logger, sent bool, f wsproto.Frame) {
	h := f.Header
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
		code, reason, err := wsproto.ParseClose(f.Payload)
		attrs = append(attrs, slog.Int("code", int(code)), slog.String("reason", reason))
		if err != nil {
			attrs = append(attrs, slog.String("error", err.Error()))
		}
	}
	ctx := context.Background()
	if log.Enabled(ctx, levelPayload) && h.Opcode != wsproto.OpClose {
		attrs = append(attrs, slog.String("payload", fmt.Sprintf("%q", f.Payload)))
	}
	message := "frame received"
	if sent {
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
func headerGroup(header http.Header) slog.Attr {
	var attrs []any
	for _, key := range slices.Sorted(maps.Keys(header)) {
		value := strings.Join(header[key], ", ")
		switch key {
		case "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie":
			value = "[redacted]"
		}
		attrs = append(attrs, slog.String(key, value))
	}
	return slog.Group("header", attrs...)
}
