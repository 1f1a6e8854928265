package console_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsconform/wsconform/internal/console"
)

// terminal opens a pseudo-terminal: what a person sees and types, and the program's end.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	person = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// At a terminal a person types commands, and may paste lines.
func TestTerminal(t *testing.T) {
	person, program := terminal(t)
	var seen buffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(&seen, person) // until the terminal is closed
	}()
	o, _ := options(server(t, echo), "")
	o.In, o.Out, o.Err = program, program, program
	done := make(chan error, 1)
	go func() { done <- console.Run(t.Context(), o) }()
	await := func(want string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !strings.Contains(seen.String(), want); {
			if time.Now().After(end) {
				t.Fatalf("no %q at the terminal:\n%q", want, seen.String())
			}
			select {
			case err := <-done:
				t.Fatalf("it ended before %q (%v):\n%q", want, err, seen.String())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	await("> ")
	for _, step := range []struct{ typed, want string }{
		{"\x1b[200~one\rtwo\r\x1b[201~", "< two"},
		{"/ping abc\r", "pong"},
	} {
		if _, err := person.WriteString(step.typed); err != nil {
			t.Fatal(err)
		}
		await(step.want)
	}
	if _, err := person.WriteString("/close\r"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("got error %v", err)
	}
	if !strings.Contains(seen.String(), "< one") {
		t.Errorf("the first pasted line is missing:\n%q", seen.String())
	}
	program.Close()
	person.Close()
	<-ended
}
