package console

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// maxLine bounds a line of the input in bytes, and an input that is one message.
const maxLine = 64 << 20

// chunkSize is the longest message made of an input without lines.
const chunkSize = 32 << 10

// startInput reads the input and gives it line by line; the channel is closed at
// its end. The goroutine ends when c.quit is closed or, if it waits for someone to
// type, with the program.
func (c *console) startInput() <-chan string {
	lines := make(chan string)
	give := func(s string) bool {
		select {
		case lines <- s:
			return true
		case <-c.quit:
			return false
		}
	}
	go func() {
		defer close(lines)
		if err := c.read(give); err != nil {
			c.note("input: " + err.Error())
		}
	}()
	return lines
}

func (c *console) read(give func(string) bool) error {
	switch {
	case c.terminal != nil:
		c.typed(give)
		return nil
	case c.Whole:
		p, err := io.ReadAll(io.LimitReader(c.In, maxLine+1))
		if len(p) > maxLine {
			return fmt.Errorf("longer than %d bytes", maxLine)
		}
		give(string(p))
		return err
	case c.Input == Bytes:
		buf := make([]byte, chunkSize)
		for {
			n, err := c.In.Read(buf)
			if n > 0 && !give(string(buf[:n])) {
				return nil
			}
			if err != nil {
				return notEOF(err)
			}
		}
	}
	s := bufio.NewScanner(c.In)
	s.Buffer(nil, maxLine)
	s.Split(c.splitLine)
	for s.Scan() {
		if !give(s.Text()) || c.OneLine {
			return nil
		}
	}
	return s.Err()
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// splitLine splits at the delimiter alone: a CR before it belongs to the message.
func (c *console) splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, c.Delimiter); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (c *console) typed(give func(string) bool) {
	for {
		s, err := c.terminal.ReadLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return
		}
		if s != "" && !give(s) {
			return
		}
	}
}

// openTerminal takes over the terminal if people are at both ends of it.
func (c *console) openTerminal() error {
	stdin, ok := c.In.(*os.File)
	if !ok || !isTerminal(c.Out) || !term.IsTerminal(int(stdin.Fd())) || c.Whole || c.Input == Bytes || c.JSON {
		return nil
	}
	state, err := term.MakeRaw(int(stdin.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	c.state, c.Commands = state, true
	c.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.In, c.Out}, "> ")
	if width, height, err := term.GetSize(int(stdin.Fd())); err == nil && width > 0 {
		_ = c.terminal.SetSize(width, height) // it is only for the looks
	}
	c.out, c.err = c.terminal, c.terminal
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// restore leaves the terminal as it was.
func (c *console) restore() {
	close(c.quit)
	if c.state == nil {
		return
	}
	c.terminal.SetPrompt("")
	_, _ = c.terminal.Write(nil)                         // redraws the line without the prompt
	_ = term.Restore(int(c.In.(*os.File).Fd()), c.state) // nothing more can be done
}
