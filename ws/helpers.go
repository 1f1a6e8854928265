package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// WriteText sends a text message.
func (c *Conn) WriteText(ctx context.Context, s string) error {
	return c.Write(ctx, MessageText, []byte(s))
}

// ReadText reads a text message. A binary message is an error that leaves the
// connection open. Other errors are as in [Conn.Read].
func (c *Conn) ReadText(ctx context.Context) (string, error) {
	typ, p, err := c.Read(ctx)
	if err != nil {
		return "", err
	}
	if typ != MessageText {
		return "", opError("read", fmt.Errorf("message is %v, not text", typ))
	}
	return string(p), nil
}

// WriteJSON sends v as a text message, as [json.Marshal] has it. A value that cannot be
// marshaled is an error that leaves the connection open.
func (c *Conn) WriteJSON(ctx context.Context, v any) error {
	p, err := json.Marshal(v)
	if err != nil {
		return opError("write", err)
	}
	return c.Write(ctx, MessageText, p)
}

// ReadJSON reads a message, text or binary, into what v points to, as [json.Unmarshal]
// does. A message that is not such JSON is an error that leaves the connection open.
// Other errors are as in [Conn.Read].
func (c *Conn) ReadJSON(ctx context.Context, v any) error {
	_, p, err := c.Read(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(p, v); err != nil {
		return opError("read", err)
	}
	return nil
}

// An answerWriter keeps the answer of Intercept.
type answerWriter struct {
	header http.Header
	status int // zero: nothing was written
	body   []byte
}

func (w *answerWriter) Header() http.Header { return w.header }

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
}

func (w *answerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

// reject is the answer, nil if there is none.
func (w *answerWriter) reject() *RejectError {
	if w.status == 0 {
		return nil
	}
	return &RejectError{Status: w.status, Header: w.header, Body: w.body, reason: "answered by Intercept"}
}
