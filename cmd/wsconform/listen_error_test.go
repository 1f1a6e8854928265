package main

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
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
func TestCheckupStep(t *testing.T) {
	var b strings.Builder
	k := checkup{w: &b}
	k.step("builds", nil, "install a compiler")
	k.step("starts", io.EOF, "look at its log")
	want := "  ok    builds\n  FAIL  starts: EOF\n        to fix: look at its log\n"
	if b.String() != want || k.failed != 1 {
		t.Errorf("got %q and %d failures, want %q and 1", b.String(), k.failed, want)
	}
}
