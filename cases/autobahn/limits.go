package autobahn

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
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
func limits() []entry {
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

// byLength is the want of a long message: the comparison of its bytes would
// tell more, but not the same as Autobahn.
func byLength() Want {
	w := closes(clean).under(EchoLength)
	w.Events = nil
	return w
}

// longMessages sends 64 KiB to 16 MiB in a frame, with so many seconds (limits) for the echo.
func longMessages(group string, op wsproto.Opcode, unit string, limits ...int) []entry {
	lengths := []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20}
	list := numbered(group, lengths, func(length int) entry {
		return entry{
			Title: fmt.Sprintf("a %v message of %s in one frame", op, volume(length)),
			RFC:   rfc6455("5.2", "10.4"),
			Steps: []cases.Step{cases.Frame{Opcode: op, Payload: cases.Repeat(unit, length)}},
			Want:  byLength(),
			Load:  cases.Heavy,
		}
	})
	for i := range list {
		limit := time.Duration(limits[i]) * time.Second
		list[i].Expect = fmt.Sprintf(expectLength, seconds(limit))
		list[i].Steps = append(list[i].Steps, cases.CloseAfter{After: limit})
	}
	return list
}

// fragmentedMessages sends 4 MiB in fragments of 64 bytes to 4 MiB.
func fragmentedMessages(group string, op wsproto.Opcode, unit string) []entry {
	const length, limit = 4 << 20, 100 * time.Second
	fragments := []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}
	return numbered(group, fragments, func(fragment int) entry {
		payload := cases.Repeat(unit, length)
		if op == wsproto.OpBinary && fragment == fragments[0] {
			payload = cases.Repeat("\xfe", length) // Autobahn's one exception
		}
		return entry{
			Title:  fmt.Sprintf("a %v message of %s in fragments of %s", op, volume(length), volume(fragment)),
			Expect: fmt.Sprintf(expectLength, seconds(limit)),
			RFC:    rfc6455("5.4", "10.4"),
			Steps:  []cases.Step{cases.Message{Opcode: op, Payload: payload, Fragment: fragment}, cases.CloseAfter{After: limit}},
			Want:   byLength(),
			Load:   cases.Heavy,
		}
	})
}

// choppedMessages sends 1 MiB in one frame, cut into writes of 64 to 2048 bytes.
func choppedMessages(group string, op wsproto.Opcode, unit string) []entry {
	const length, limit = 1 << 20, 1000 * time.Second
	return numbered(group, []int{64, 128, 256, 512, 1024, 2048}, func(chop int) entry {
		return entry{
			Title:  fmt.Sprintf("a %v message of %s, written %d bytes at a time", op, volume(length), chop),
			Expect: fmt.Sprintf(expectLength, seconds(limit)),
			RFC:    rfc6455("5.2", "10.4"),
			Steps:  []cases.Step{cases.Frame{Opcode: op, Payload: cases.Repeat(unit, length), Chop: chop}, cases.CloseAfter{After: limit}},
			Want:   byLength(),
			Load:   cases.Heavy,
		}
	})
}

// roundTrips sends 1000 messages, each after the echo of the one before.
func roundTrips(group string, op wsproto.Opcode, unit string) []entry {
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
	var list []entry
	for i, row := range rows {
		want := closes(clean).under(EchoAll)
		want.Events = nil
		list = append(list, entry{
			ID:     cases.ID(fmt.Sprintf("%s.%d", group, i+1)),
			Title:  fmt.Sprintf("1000 %v messages of %d bytes, one after the other", op, row.length),
			Expect: fmt.Sprintf("each message comes back, all within %s, and our close is answered", seconds(row.limit)),
			RFC:    rfc6455("5.2", "5.6"),
			Steps: []cases.Step{
				cases.CloseAfter{After: row.limit},
				cases.EchoLoop{Opcode: op, Count: 1000, Payload: cases.Repeat(unit, row.length)},
			},
			Want: want,
			Load: cases.Heavy,
		})
	}
	return list
}

// volume writes a number of bytes with the largest binary unit that fits.
func volume(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// seconds writes a duration as the wire log does: "0.5s", "480s".
func seconds(d time.Duration) string { return fmt.Sprintf("%gs", d.Seconds()) }
