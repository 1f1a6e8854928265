package usercase

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/cases/user"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// writes are the bytes of the frames that ops write, as far as they are data.
func writes(ops []cases.Op) []cases.WriteOp {
	var list []cases.WriteOp
	for _, op := range ops {
		switch op := op.(type) {
		case cases.WriteOp:
			op.Payload = cases.Data(op.Payload.Bytes())
			if op.Payload.Unit == nil {
				op.Payload.Unit = []byte{}
			}
			op.Alone, op.IfOpen = false, false // how writes are grouped is not in the language
			list = append(list, op)
		case cases.CloseOp:
			list = append(list, cases.WriteOp{Header: closeHeader, Payload: cases.Data(op.Close.Body())})
		}
	}
	return list
}

var closeHeader = wsproto.Header{Fin: true, Opcode: wsproto.OpClose}

// Every case of the suites has a script that is understood; and where it says all, the script
// sends what the case sends.
func TestScriptsOfTheSuites(t *testing.T) {
	same, remarks := 0, 0
	for _, c := range catalogue.All() {
		if !c.For(cases.Server) {
			continue
		}
		for n, conn := range c.Conns {
			text := Script(c, n)
			got, err := Conn(text)
			if err != nil {
				t.Errorf("%s, connection %d: %v\n%.500s", c.ID, n, err, text)
				continue
			}
			if strings.Count(text, "#") > 1 || !strings.HasPrefix(text, "# ") || c.Suite == cases.Autobahn && c.RoundTrips() {
				remarks++
				continue
			}
			if slices.ContainsFunc(conn.Ops(), special) {
				continue
			}
			have, want := writes(got.Ops()), writes(conn.Ops())
			if !reflect.DeepEqual(have, want) {
				t.Errorf("%s, connection %d: the script sends\n%.200v, the case\n%.200v\n%.500s", c.ID, n, have, want, text)
				continue
			}
			same++
		}
	}
	t.Logf("%d connections send the same, %d have remarks", same, remarks)
	if same < 800 {
		t.Errorf("%d connections were compared, want most", same)
	}
}

// special reports whether an op is written in another form, which sends the same bytes.
func special(op cases.Op) bool {
	w, ok := op.(cases.WriteOp)
	return ok && (w.Part != cases.WholeFrame || w.Fragment > 0 || w.Times > 1 || w.Cut > 0)
}

// A frame that claims a length, is cut off or chopped is sent as dump --raw sends it, and quit
// and half-close end our direction of TCP once.
func TestScriptsInBytes(t *testing.T) {
	for _, row := range []struct{ script, want string }{
		{"frame text length=5 nomask text:ab", "8105 6162"},
		{"frame text length=0 nomask text:ab", "8100 6162"},
		{"frame text length=0 text:ab", "8180 37fa213d 5698"},
		{"frame ping length=5 form=16 nomask text:ab", "897e0005 6162"},
		{"frame text length=0xffffffffffffffff form=64 nomask", "817fffffffffffffffff"},
		{"frame text length=9 mask=00000000 text:ab", "8189 00000000 6162"},
		{"frame text cut=3 nomask text:abc", "8103 61"},
		{"frame text cut=7 text:abc", "8183 37fa213d 56"},
		{"frame text cut=7 mask=01020304 text:abc", "8183 01020304 60"},
		{"frame text length=5 nomask chop=2 text:ab", "8105|6162"},
		{"bytes chop=2 hex:0102030405", "0102|0304|05"},
		{"bytes hex:0102030405", "0102030405"},
		{"bytes hex:01\nquit\nbytes hex:02", "01|FIN"},
		{"half-close\nquit", "FIN"},
		{"half-close\nhalf-close", "FIN"},
		{"reset\nquit", "RST"},
	} {
		c, err := Conn(row.script)
		if err != nil {
			t.Errorf("%q: %v", row.script, err)
			continue
		}
		var got []string
		for _, op := range c.Ops() {
			switch op := op.(type) {
			case cases.WriteOp:
				if op.Part != cases.PlainOctets {
					t.Errorf("%q: it is written as %+v, not as bytes", row.script, op)
				}
				got = append(got, hex.EncodeToString(op.Payload.Bytes()))
			case cases.EndOp:
				got = append(got, "FIN")
			case cases.ResetOp:
				got = append(got, "RST")
			default:
				t.Errorf("%q: got %T", row.script, op)
			}
		}
		if want := strings.ReplaceAll(row.want, " ", ""); strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %q", row.script, strings.Join(got, "|"), want)
		}
	}
	c, err := Conn("open never\nbytes chop=3 text:GET")
	if want := (cases.Head{cases.Whole("GET"), cases.Apart(3)}); err != nil || !reflect.DeepEqual(c.Head, want) {
		t.Errorf("in place of the handshake: got %v, %v", c.Head, err)
	}
}

const good = `
version: 1
cases:
  - id: U.rsv
    title: a reserved bit
    level: SHOULD
    requirements: [RFC6455-5.2-rsv-fail]
    script: |
      set Host: example.test
      add X-A: b
      frame text rsv3 text:Hello
      await close 1s
    want:
      - close: [1002, 0]
        quiet: true
      - grade: NON-STRICT
        dropped: 2s
`

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := Load(path)
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v", list, err)
	}
	c, ok := catalogue.Find("U.rsv")
	if !ok || c.Suite != cases.User || c.Level != cases.Should || !slices.Equal(c.RFC, []string{"RFC 6455 5.2"}) {
		t.Errorf("got %+v", c)
	}
	if got, want := c.Want.String(), "OK: no message, and no pong in answer; a close frame with 1002 or no code\nNON-STRICT: the peer ends TCP within 2s without a close frame"; got != want {
		t.Errorf("it wants %q, want %q", got, want)
	}
	if got := catalogue.SuitesOf([]cases.ID{"U.rsv", "1.1.1"}); !slices.Equal(got, []cases.Suite{cases.Autobahn, cases.User}) {
		t.Errorf("suites %v", got)
	}

	// What is saved is what is read, beside what was there.
	more := Spec{ID: "U.more", Title: "another: with signs # and 'quotes'", Script: "text \\xff # no remark\nawait end 1s\n", Want: []user.Clause{{Open: true}}}
	if err := Save(path, more); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || len(got.Cases) != 2 || !reflect.DeepEqual(got.Cases[0], list[0]) || got.Cases[1].Script != more.Script || got.Cases[1].Title != more.Title {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := Save(path, more); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || len(got.Cases) != 2 {
		t.Errorf("saved twice: got %d cases, %v", len(got.Cases), err)
	}
}

func TestFaultyFiles(t *testing.T) {
	for _, row := range []struct{ old, by, want string }{
		{"version: 1", "version: 2", "must be 1"},
		{"id: U.rsv", "id: 5.15", "must be U."},
		{"id: U.rsv", "id: U.../x", "must be U."},
		{"title: a reserved bit", "title: ''", "title"},
		{"level: SHOULD", "level: PERHAPS", "level"},
		{"RFC6455-5.2-rsv-fail", "no-such-one", "unknown requirement"},
		{"frame text rsv3", "frame txet", "line 3"},
		{"close: [1002, 0]", "close: [70000]", "no code"},
		{"dropped: 2s", "dropped: soon", "not a time"},
		{"grade: NON-STRICT", "grade: FINE", "grade"},
		{"quiet: true", "silent: true", "unknown field"},
		{"add X-A: b", "open\n      add X-A: b", "line 3"},
		{"frame text rsv3 text:Hello\n      await close 1s", "open never", "bytes must follow"},
		{"add X-A: b", "open never\n      text x", "bytes must follow"},
		{"await close 1s", "connection 2", "line 4: a case of your own has one connection"},
		{"await close 1s", "quit\n      connection 2", "line 5: a case of your own has one connection"},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if !strings.Contains(good, row.old) {
			t.Fatalf("%q is not in the good file", row.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(good, row.old, row.by, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: got %v, want an error with %q", row.by, err, row.want)
		}
	}
	if list, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Errorf("a file that is missing: got %v", list)
	}
}

// The schema takes what [Read] takes.
func TestSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(doc)
	}
	if err := valid(good); err != nil {
		t.Errorf("the good file: %v", err)
	}
	if valid(strings.Replace(good, "U.rsv", "5.15", 1)) == nil || valid(strings.Replace(good, "quiet", "silent", 1)) == nil {
		t.Error("the schema takes a faulty file")
	}
	var s struct {
		Defs struct {
			Clause struct {
				Properties map[string]any `json:"properties"`
			} `json:"clause"`
			Case struct {
				Properties map[string]any `json:"properties"`
			} `json:"case"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema, &s); err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		kind reflect.Type
		have map[string]any
	}{{reflect.TypeFor[user.Clause](), s.Defs.Clause.Properties}, {reflect.TypeFor[Spec](), s.Defs.Case.Properties}} {
		for field := range one.kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if one.have[name] == nil {
				t.Errorf("the schema does not have %s of %v", name, one.kind)
			}
		}
		if len(one.have) != one.kind.NumField() {
			t.Errorf("the schema has %d members of %v, want %d", len(one.have), one.kind, one.kind.NumField())
		}
	}
}
