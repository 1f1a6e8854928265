package cases

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// What the long messages of sections 7 and 9 are made of. Their content is
// free, but for text being UTF-8.
const (
	filler    = "BAsd7&jh23"
	binFiller = "\x00\xfe\x23\xfa\xf0"
)

const expectLength = "a message of the same type and length comes back within %s, and our close is answered"

// limits is section 9: long messages, many frames, many writes, many round trips.
func limits() []Case {
	return slices.Concat(
		longMessages("9.1", wsproto.OpText, filler, 10, 10, 100, 100, 100, 100),
		longMessages("9.2", wsproto.OpBinary, binFiller, 10, 10, 10, 10, 100, 100),
		fragmentedMessages("9.3", wsproto.OpText, "*"),
		fragmentedMessages("9.4", wsproto.OpBinary, "*"),
		choppedMessages("9.5", wsproto.OpText, filler),
		choppedMessages("9.6", wsproto.OpBinary, binFiller),
		roundTrips("9.7", wsproto.OpText, "*"),
		roundTrips("9.8", wsproto.OpBinary, "\xfe"),
	)
}

// byLength is the want of a long message: the comparison of its octets would
// tell more, but not the same as Autobahn.
func byLength() Want {
	w := Closes(clean).Under(EchoLength)
	w.Events = nil
	return w
}

// longMessages sends 64 KiB to 16 MiB in a frame, with so many seconds (limits) for the echo.
func longMessages(group string, op wsproto.Opcode, unit string, limits ...int) []Case {
	lengths := []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20}
	list := numbered(group, lengths, func(length int) Case {
		return Case{
			Title: fmt.Sprintf("a %v message of %s in one frame", op, volume(length)),
			RFC:   rfc6455("5.2", "10.4"),
			Steps: []Step{Frame{Opcode: op, Payload: Repeat(unit, length)}},
			Want:  byLength(),
		}
	})
	for i := range list {
		limit := time.Duration(limits[i]) * time.Second
		list[i].Expect = fmt.Sprintf(expectLength, seconds(limit))
		list[i].Steps = append(list[i].Steps, CloseAfter{limit})
	}
	return list
}

// fragmentedMessages sends 4 MiB in fragments of 64 octets to 4 MiB.
func fragmentedMessages(group string, op wsproto.Opcode, unit string) []Case {
	const length, limit = 4 << 20, 100 * time.Second
	fragments := []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}
	return numbered(group, fragments, func(fragment int) Case {
		payload := Repeat(unit, length)
		if op == wsproto.OpBinary && fragment == fragments[0] {
			payload = Repeat("\xfe", length) // Autobahn's one exception
		}
		return Case{
			Title:  fmt.Sprintf("a %v message of %s in fragments of %s", op, volume(length), volume(fragment)),
			Expect: fmt.Sprintf(expectLength, seconds(limit)),
			RFC:    rfc6455("5.4", "10.4"),
			Steps:  []Step{Message{Opcode: op, Payload: payload, Fragment: fragment}, CloseAfter{limit}},
			Want:   byLength(),
		}
	})
}

// choppedMessages sends 1 MiB in one frame, cut into writes of 64 to 2048 octets.
func choppedMessages(group string, op wsproto.Opcode, unit string) []Case {
	const length, limit = 1 << 20, 1000 * time.Second
	return numbered(group, []int{64, 128, 256, 512, 1024, 2048}, func(chop int) Case {
		return Case{
			Title:  fmt.Sprintf("a %v message of %s, written %d octets at a time", op, volume(length), chop),
			Expect: fmt.Sprintf(expectLength, seconds(limit)),
			RFC:    rfc6455("5.2", "10.4"),
			Steps:  []Step{Frame{Opcode: op, Payload: Repeat(unit, length), Chop: chop}, CloseAfter{limit}},
			Want:   byLength(),
		}
	})
}

// roundTrips sends 1000 messages, each after the echo of the one before.
func roundTrips(group string, op wsproto.Opcode, unit string) []Case {
	rows := []struct {
		length int
		limit  time.Duration
	}{
		{0, 60 * time.Second},
		{16, 60 * time.Second},
		{64, 60 * time.Second},
		{256, 120 * time.Second},
		{1024, 240 * time.Second},
		{4096, 480 * time.Second},
	}
	var list []Case
	for i, row := range rows {
		want := Closes(clean).Under(EchoAll)
		want.Events = nil
		list = append(list, Case{
			ID:     ID(fmt.Sprintf("%s.%d", group, i+1)),
			Title:  fmt.Sprintf("1000 %v messages of %d octets, one after the other", op, row.length),
			Expect: fmt.Sprintf("each message comes back, all within %s, and our close is answered", seconds(row.limit)),
			RFC:    rfc6455("5.2", "5.6"),
			Steps: []Step{
				CloseAfter{row.limit},
				EchoLoop{Opcode: op, Count: 1000, Payload: Repeat(unit, row.length)},
			},
			Want: want,
		})
	}
	return list
}

// volume writes a number of octets with the largest binary unit that fits.
func volume(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d octets", n)
}
