package rfc

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// inflate inflates the messages of a connection with the standard library, and with
// our own inflater.
func inflate(messages ...string) (std, own string, stdErr, ownErr error) {
	var z wsproto.Inflater
	z.Reset(1<<15, nil)
	var out []byte
	take := func(p []byte) bool { out = append(out, p...); return true }
	for _, m := range messages {
		if ownErr = z.Inflate([]byte(m), take); ownErr == nil {
			var complete bool
			if complete, ownErr = z.InflateTail(take); ownErr == nil && !complete {
				ownErr = io.ErrUnexpectedEOF
			}
		}
		if ownErr != nil {
			break
		}
	}
	in := strings.Join(messages, "\x00\x00\xff\xff") + "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"
	p, stdErr := io.ReadAll(flate.NewReader(strings.NewReader(in)))
	return string(p), string(out), stdErr, ownErr
}

// The compressed messages are what they are said to be.
func TestDeflateData(t *testing.T) {
	for _, row := range []struct {
		name     string
		messages []string
		want     string
	}{
		{"probe", []string{zProbe}, probe},
		{"again", []string{zProbe, zAgain}, probe + probe},
		{"empty", []string{zEmpty, zProbe}, probe},
		{"stored", []string{stored(probe) + zEmpty}, probe},
		{"stored, the longest", []string{stored(longText()) + zEmpty}, longText()},
		{"dynamic", []string{zDynamic}, dynamicText()},
		{"together", []string{stored(probe) + zProbe + zBetween + zDynamic}, probe + probe + dynamicText()},
		{"empty blocks", []string{strings.Repeat(zEmpty+zBetween, 1000) + zProbe}, probe},
		{"far", []string{stored(longText()[:1<<15]) + zFar, zFar}, longText()[:1<<15] + longText()[:32]},
		{"1000 back", []string{stored(longText()[:1000]) + z1000}, longText()[:1000] + longText()[:16]},
		{"invalid text", []string{zBadText}, "\xc3\x28"},
		{"zeros", []string{zZeros + strings.Repeat("\x00", 1000) + zZerosEnd, zProbe}, strings.Repeat("\x00", 1000*1032+1033) + probe},
	} {
		std, own, stdErr, ownErr := inflate(row.messages...)
		if err := errors.Join(stdErr, ownErr); err != nil || std != row.want || own != row.want {
			t.Errorf("%s: got %d and %d bytes, %v; want %d", row.name, len(std), len(own), err, len(row.want))
		}
	}
	if zDynamic[0]&7 != 4 {
		t.Errorf("the dynamic block begins with %03b, want 100", zDynamic[0]&7)
	}
	if n := len(zZeros) + zeroBytes + len(zZerosEnd); n > 254<<10 || zeroBytes*1032 < 255<<20 {
		t.Errorf("%d bytes of zeros are not what the title says", n)
	}
}

// What is to fail does, with both inflaters.
func TestBadDeflateData(t *testing.T) {
	for name, z := range map[string]string{
		"reserved type": "\x07", "contradicted length": "\x00\x05\x00\x05\x00Hello" + zEmpty,
		"over": zOver, "incomplete": zIncomplete, "too many": zTooMany, "repeat": zRepeat,
		"start": zStart, "cut": zDynamic[:45],
	} {
		std, own, stdErr, ownErr := inflate(z)
		if stdErr == nil || ownErr == nil {
			t.Errorf("%s: got %q, %v and %q, %v; want errors", name, std, stdErr, own, ownErr)
		}
	}
	if _, err := io.ReadAll(flate.NewReader(bytes.NewReader([]byte(zFinal)))); err != nil {
		t.Errorf("the final block: %v", err)
	}
}
