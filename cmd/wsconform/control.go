package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An obedient peer echoes, and obeys the control messages of docs/control.md.
type obedient struct {
	client bool // it can be told what to offer

	mu      sync.Mutex // guards the rest
	last    string     // how the last connection ended
	offered []string   // the subprotocols of the next connection
}

// offers returns the subprotocols of the next connection, once.
func (o *obedient) offers() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.offered
	o.offered = nil
	return list
}

// failed notes that a connection was not opened.
func (o *obedient) failed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = "1006"
}

// tokenForm is what a subprotocol is named (RFC 9110 §5.6.2).
var tokenForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// subprotocols reads a list of them.
func subprotocols(text string) ([]string, error) {
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.Trim(name, " ")
		if !tokenForm.MatchString(name) || slices.Contains(list, name) {
			return nil, fmt.Errorf("%q cannot be offered as subprotocols", text)
		}
		list = append(list, name)
	}
	return list, nil
}

// errToldToFail is the failure that a control message asks for. The server closes with 1011.
var errToldToFail = errors.New("told to fail")

// controlPrefix begins control messages.
const controlPrefix = "wsconform:"

// serve echoes until the connection ends.
func (o *obedient) serve(ctx context.Context, c *ws.Conn) error {
	err := o.echo(ctx, c)
	end := "1006"
	if closed, ok := errors.AsType[*ws.CloseError](err); ok {
		end = strings.TrimSpace(fmt.Sprintf("%d %s", closed.Code, closed.Reason))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = end
	return err
}

func (o *obedient) echo(ctx context.Context, c *ws.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		command, ok := bytes.CutPrefix(p, []byte(controlPrefix))
		known := false
		if ok && typ == ws.MessageText {
			known, err = o.obey(ctx, c, string(command))
		}
		if !known {
			err = c.Write(ctx, typ, p)
		}
		if err != nil {
			return err
		}
	}
}

// obey does what a control message says. A command that is not known is echoed.
func (o *obedient) obey(ctx context.Context, c *ws.Conn, command string) (known bool, err error) {
	name, rest, _ := strings.Cut(command, " ")
	switch name {
	case "control":
		commands := "control close fragment ping drop last"
		if o.client {
			commands += " offer"
		} else {
			commands += " fail"
		}
		return true, c.WriteText(ctx, controlPrefix+commands)
	case "close":
		if rest == "" {
			return true, c.CloseWrite(ctx, wsproto.StatusNoStatusRcvd, "")
		}
		number, reason, _ := strings.Cut(rest, " ")
		code, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return false, nil
		}
		if err := c.CloseWrite(ctx, wsproto.StatusCode(code), reason); err != nil {
			return true, c.WriteText(ctx, controlPrefix+"refused "+err.Error()) // a code that may not be sent
		}
		return true, nil
	case "fragment":
		number, text, _ := strings.Cut(rest, " ")
		size, err := strconv.Atoi(number)
		if err != nil || size < 1 {
			return false, nil
		}
		return true, c.WriteFragments(ctx, ws.MessageText, []byte(text), size)
	case "ping":
		_, err := c.StartPing(ctx, []byte(rest))
		return true, err
	case "drop":
		return true, c.CloseNow()
	case "fail":
		if o.client {
			return false, nil
		}
		return true, errToldToFail
	case "offer":
		list, err := subprotocols(rest)
		if !o.client {
			return false, nil
		}
		if err != nil {
			return true, c.WriteText(ctx, controlPrefix+"refused "+err.Error())
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.offered = list
		return true, nil
	case "last":
		o.mu.Lock()
		defer o.mu.Unlock()
		return true, c.WriteText(ctx, strings.TrimSpace(controlPrefix+"last "+o.last))
	}
	return false, nil
}
