// Package hostiletest makes a result in which every field is set, and puts what a hostile
// peer may choose into one field after another. Tests use it to check that whatever reads a
// run has bounds.
package hostiletest

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Result returns a result in which every field is set, so that [Each] finds them all.
func Result() harness.Result {
	at := 3
	v := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed, Reason: "r", CloseReason: "c"}
	r := harness.Result{
		Case: "1.1.1", Outcome: harness.Fail, Verdict: v, Note: "n", Attempts: 2, Varied: []cases.Verdict{v}, Duration: 1,
		Without: cases.OK, Changes: []transcript.Change{{Kind: transcript.ChangeLost, What: "w", Conn: 1}},
		Transcript: &transcript.Transcript{
			Role: cases.Server, Opened: true, Request: "GET", Response: "HTTP", UncleanReason: "u",
			LocalReason: transcript.Octet("l"), RemoteClose: true, RemoteCode: 1009, RemoteReason: transcript.Octet("r"),
			Events: []transcript.Event{{Kind: transcript.GotMessage, Len: 1, Data: transcript.Octet("d"), SHA256: "0"}},
			Log: []transcript.Entry{{
				Kind: transcript.LogFrame, Dir: transcript.In, Len: 1, Data: transcript.Octet("d"), Opcode: 1, Mask: "m", Note: "n", Timer: "t",
				Head: transcript.Octet("h"), InvalidAt: &at,
			}},
			Stats: transcript.Stats{RxOctets: map[int]int{1: 1}, TxOctets: map[int]int{1: 1}, RxFrames: map[int]int{1: 1}, TxFrames: map[int]int{1: 1}},
		},
	}
	r.Transcript.Crowd = &transcript.Crowded{Trouble: "t", Bounded: "b"}
	r.Transcript.Keys = transcript.Octet("keys")
	r.Transcript.More = []transcript.Transcript{*r.Transcript}
	return r
}

// Each sets each text that v points to, in turn, to one of 2 MiB and each list to
// 65536 elements, and calls f with the name of the field, such as
// ".Transcript.Log[0].Note". Then it puts the field back. Fields that wsconform words
// itself, whatever a peer does, are left out.
func Each(v any, f func(name string)) {
	fill(reflect.ValueOf(v).Elem(), "", func(name string) {
		if !slices.ContainsFunc(ours, func(end string) bool { return strings.HasSuffix(name, end) }) {
			f(name)
		}
	})
}

// ours are the ends of the names of fields that wsconform words itself.
var ours = []string{
	".Case", ".Outcome", ".Verdict.Behavior", ".Verdict.Close", ".Varied[0].Behavior", ".Varied[0].Close", ".RxFrames", ".TxFrames",
	".Without", ".Changes[0].Kind",
}

func fill(v reflect.Value, name string, f func(name string)) {
	set := func(long any) {
		kept := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(long).Convert(v.Type()))
		f(name)
		v.Set(kept)
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
	case v.Kind() == reflect.String:
		set(strings.Repeat("\u00e9<\x1b", 1<<19))
	case v.Type() == reflect.TypeFor[transcript.Octet]():
		set(bytes.Repeat([]byte{0xff, '<'}, 1<<20))
	case v.Type() == reflect.TypeFor[[]transcript.Transcript]() && v.Len() == 0: // of a connection that is one more itself
	case v.Kind() == reflect.Slice:
		fill(v.Index(0), name+"[0]", f)
		many := reflect.MakeSlice(v.Type(), 0, 1<<16)
		for range 1 << 16 {
			many = reflect.Append(many, v.Index(0))
		}
		set(many.Interface())
	case v.Kind() == reflect.Map:
		many := reflect.MakeMap(v.Type())
		for i := range 1 << 16 {
			many.SetMapIndex(reflect.ValueOf(i), reflect.ValueOf(1))
		}
		set(many.Interface())
	case v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct:
		fill(v.Elem(), name, f)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			fill(v.Field(i), name+"."+v.Type().Field(i).Name, f)
		}
	}
}
