package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// utf8Groups are 6.5 to 6.23: texts of a few bytes. Whether the peer should
// echo a text or fail the connection follows from unicode/utf8; a test holds
// that against the verdicts of Autobahn.
var utf8Groups = []struct {
	group, title string
	texts        []string
}{
	{"6.5", "good text", []string{
		"hello$world", "hello¢world", "hello€world", "hello𤭢world", kosme,
	}},
	{"6.6", "a prefix of a Greek word", prefixes(kosme)},
	{"6.7", "the first code point of a length", []string{
		"\x00", "\u0080", "\u0800", "\U00010000",
	}},
	{"6.8", "the first sequence of a length that UTF-8 has given up", []string{
		"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80",
	}},
	{"6.9", "the last code point of a length", []string{
		"\u007f", "\u07ff", "\uffff", "\U0010ffff",
	}},
	{"6.10", "the last sequence of four to six bytes", []string{
		"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf",
	}},
	{"6.11", "beside the surrogates or the end of Unicode", []string{
		"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", beyondRange,
	}},
	{"6.12", "continuation bytes that continue nothing", []string{
		"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf",
		octetRange(0x80, 0xbe, ""), // stops one short, as Autobahn does
	}},
	{"6.13", "start bytes, a space after each", []string{ // stops one short, too
		octetRange(0xc0, 0xde, " "), // of two bytes
		octetRange(0xe0, 0xee, " "), // of three
		octetRange(0xf0, 0xf6, " "), // of four
		octetRange(0xf8, 0xfa, " "), // of five
		octetRange(0xfc, 0xfc, " "), // of six
	}},
	{"6.14", "a sequence without its last byte", truncated},
	{"6.15", "truncated sequences in a row", []string{strings.Join(truncated, "")}},
	{"6.16", "bytes that are never part of UTF-8", []string{
		"\xfe", "\xff", "\xfe\xfe\xff\xff",
	}},
	{"6.17", "an overlong form of a slash", []string{
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf",
	}},
	{"6.18", "the last overlong form of a length", []string{
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf",
	}},
	{"6.19", "an overlong form of NUL", []string{
		"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80",
	}},
	{"6.20", "a surrogate by itself", slices.Concat(
		highSurrogates, []string{"\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
	)},
	{"6.21", "a pair of surrogates", surrogatePairs()},
	{"6.22", "a noncharacter", noncharacters()},
	{"6.23", "the end of the Specials block", []string{
		"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff",
	}},
}

// truncated are the first and the last sequence of two to six bytes, each
// without its last byte.
var truncated = []string{
	"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
	"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
}

// highSurrogates are U+D800, U+DB7F, U+DB80 and U+DBFF.
var highSurrogates = []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"}

// utf8Vectors is 6.5 to 6.23.
func utf8Vectors() []entry {
	var list []entry
	for _, g := range utf8Groups {
		list = append(list, numbered(g.group, g.texts, func(text string) entry {
			c := entry{
				Title:  g.title + ": " + spell(text),
				Expect: expectEcho,
				RFC:    rfc6455("5.6", "8.1"),
				Steps: []cases.Step{
					cases.Message{Opcode: wsproto.OpText, Payload: cases.Data([]byte(text))},
					cases.KillAfter{After: 500 * time.Millisecond},
				},
				Want: Echoes(cases.GotText(cases.Data([]byte(text)))),
			}
			if !utf8.ValidString(text) {
				c.Expect, c.RFC, c.Want = expectBadText, rfc6455("8.1", "7.1.7"), failsText()
			}
			return c
		})...)
	}
	return list
}

// spell writes bytes in hex, many of them by both ends.
func spell(text string) string {
	if len(text) <= 16 {
		return fmt.Sprintf("% x", text)
	}
	return fmt.Sprintf("% x ... % x (%d bytes)", text[:3], text[len(text)-3:], len(text))
}

func prefixes(s string) []string {
	list := make([]string, len(s))
	for i := range list {
		list[i] = s[:i+1]
	}
	return list
}

func octetRange(first, last byte, after string) string {
	var s []byte
	for b := first; b <= last; b++ {
		s = append(append(s, b), after...)
	}
	return string(s)
}

func surrogatePairs() []string {
	var list []string
	for _, high := range highSurrogates {
		list = append(list, high+"\xed\xb0\x80", high+"\xed\xbf\xbf")
	}
	return list
}

// noncharacters returns the last two code points of every plane.
func noncharacters() []string {
	var list []string
	for plane := range rune(17) {
		list = append(list, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return list
}
