package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pseudoTerminal is a terminal and what is at the other end of its line.
func pseudoTerminal(t *testing.T) (line, terminal *os.File) {
	t.Helper()
	line, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { line.Close() })
	fd := int(line.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return line, terminal
}

// Somebody types: the line editor has a history, lines with a slash are commands,
// and the terminal is left as it was.
func TestDumpTerminal(t *testing.T) {
	line, terminal := pseudoTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan string, 64)
	go func() {
		defer close(shown)
		buf := make([]byte, 4<<10)
		for {
			n, err := line.Read(buf)
			if err != nil {
				return
			}
			shown <- string(buf[:n])
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	root := rootCommand()
	root.SetIn(terminal)
	code := make(chan int, 1)
	url := dumpServer(t)
	go func() {
		code <- execute(ctx, root, []string{"dump", url, "--proxy", "none"}, terminal, terminal)
	}()
	screen := ""
	await := func(what string, times int) {
		t.Helper()
		for strings.Count(screen, what) < times {
			select {
			case s, ok := <-shown:
				if !ok {
					t.Fatalf("the terminal has gone; it shows %q", screen)
				}
				screen += s
			case <-ctx.Done():
				t.Fatalf("got no %q; the terminal shows %q", what, screen)
			}
		}
	}
	await("> ", 1) // the prompt: from now on the editor has the terminal
	for _, step := range []struct {
		keys, want string
		times      int
	}{
		{"helo\x1b[Dl\r", "< hello", 1}, // cursor left, and the letter that was missing
		{"\x1b[A\r", "< hello", 2},      // cursor up: the line before
		{"/ping\r", "pong after", 1},
		{"//slash\r", "< /slash", 1},
		{"/dance\r", "unknown command /dance", 1},
	} {
		if _, err := line.WriteString(step.keys); err != nil {
			t.Fatal(err)
		}
		await(step.want, step.times)
	}
	if _, err := line.WriteString("/close 4001 bye\r"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 0 {
		t.Errorf("got exit code %d, want 0; the terminal shows %q", got, screen)
	}
	after, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("the terminal was left as %+v, want %+v", after, before)
	}
}
