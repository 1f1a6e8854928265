package main

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/checkup"
)

// An address that cannot be meant is wrong usage; one that cannot be had is not.
func TestListenError(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		want string
	}{
		{&net.AddrError{Err: "missing port in address"}, exitUsage, "must be HOST:PORT"},
		{&net.AddrError{Err: "invalid port"}, exitUsage, "from 0 to 65535"},
		{&net.DNSError{Err: "unknown port"}, exitUsage, "from 0 to 65535"},
		{&net.DNSError{Err: "no such host"}, exitUsage, "no host of this name"},
		{&net.ParseError{Type: "IP address", Text: "x"}, exitUsage, "invalid IP address"},
		{errors.New("address already in use"), exitHarness, "echo: address already in use"},
	} {
		got := listenError("echo", "--addr x", test.err)
		if exitCode(got) != test.code || !strings.Contains(got.Error(), test.want) {
			t.Errorf("%v: got %q with exit code %d, want %q with %d", test.err, got, exitCode(got), test.want, test.code)
		}
	}
}

// A step says whether it went well.
func TestPrintStep(t *testing.T) {
	var b strings.Builder
	for _, s := range []checkup.Step{
		{What: "builds", Took: time.Second, Fix: "install a compiler"}, {What: "starts", Err: io.EOF, Fix: "look at its log"}, {What: "listens", Err: io.EOF}, {What: "ends"},
	} {
		printStep(&b, s)
	}
	want := "  ok    builds (1.0 s)\n  FAIL  starts: EOF\n        to fix: look at its log\n  FAIL  listens: EOF\n  ok    ends\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
