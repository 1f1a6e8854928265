package wstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A source is the text of a configuration file. It knows in which line each key
// stands, so that messages can name it.
type source struct {
	name string
	data []byte
	keys []specKey
}

// A specKey is a key of a configuration. Elements of a list have their index in
// the path, such as servers, 0, url.
type specKey struct {
	path []string
	line int
}

func newSource(name string, data []byte) source {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	w := keyWalker{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	_ = w.value(nil) // decode tells of malformed JSON
	return source{name: name, data: data, keys: w.keys}
}

// decode reads the file into v. An error is a [*usageError].
func (s source) decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(s.data))
	if err := dec.Decode(v); err != nil {
		return s.decodeFault(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return usagef("%s:%d: unexpected text after the closing brace", s.name, s.lineAt(dec.InputOffset()))
	}
	return nil
}

func (s source) decodeFault(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return usagef("%s:%d: %v", s.name, s.lineAt(syntax.Offset), err)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if kind.Type == reflect.TypeFor[patterns]() { // which do not know where they are
			return s.fault(usagef("must be a list of strings, not %s", article(kind.Value)), strings.Split(kind.Field, ".")...)
		}
		found := strings.Fields(kind.Value)[0] // "number 5" is a number
		if kind.Field == "" {
			return usagef("%s:%d: the configuration must be an object, not %s", s.name, s.lineAt(kind.Offset), article(found))
		}
		return usagef("%s:%d: key %q: must be %s, not %s", s.name, s.lineAt(kind.Offset), kind.Field, kindName(kind.Type), article(found))
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return usagef("%s: unexpected end of file", s.name)
	}
	return usagef("%s: %v", s.name, err)
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// kindName names a Go type in terms of JSON.
func kindName(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // a configuration has no others
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int:
		return "a whole number"
	}
	return article(t.Kind().String())
}

// lineAt is the line of an offset, from 1.
func (s source) lineAt(offset int64) int {
	return 1 + bytes.Count(s.data[:min(max(offset, 0), int64(len(s.data)))], []byte("\n"))
}

// at says where a key is: file, line and key.
func (s source) at(path ...string) string {
	var key strings.Builder
	for i, part := range path {
		_, err := strconv.Atoi(part)
		switch {
		case i > 0 && err == nil:
			key.WriteString("[" + part + "]")
		case i > 0:
			key.WriteString("." + part)
		default:
			key.WriteString(part)
		}
	}
	i := slices.IndexFunc(s.keys, func(k specKey) bool { return slices.Equal(k.path, path) })
	if i < 0 {
		return fmt.Sprintf("%s: key %q", s.name, &key)
	}
	return fmt.Sprintf("%s:%d: key %q", s.name, s.keys[i].line, &key)
}

// fault says which key an error is about.
func (s source) fault(err error, path ...string) error {
	return usagef("%s: %s", s.at(path...), strings.TrimPrefix(err.Error(), "cases: "))
}

// knownKeys and knownServerKeys are the keys of a configuration and of a server
// in it.
var (
	knownKeys       = jsonKeys(reflect.TypeFor[specification]())
	knownServerKeys = jsonKeys(reflect.TypeFor[serverSpec]())
)

func jsonKeys(t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		if name := field.Tag.Get("json"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// unknown lists the keys that have no meaning.
func (s source) unknown() []specKey {
	var list []specKey
	for _, k := range s.keys {
		top := len(k.path) == 1 && !slices.Contains(knownKeys, k.path[0])
		server := len(k.path) == 3 && k.path[0] == "servers" && !slices.Contains(knownServerKeys, k.path[2])
		if top || server {
			list = append(list, k)
		}
	}
	return list
}

// A keyWalker finds the keys of a JSON text.
type keyWalker struct {
	data []byte
	dec  *json.Decoder
	keys []specKey
}

// maxDepth is how deep a configuration is nested, at most.
const maxDepth = 6

var errTooDeep = errors.New("too deep")

// value reads the next value, which has the given path.
func (w *keyWalker) value(path []string) error {
	t, err := w.dec.Token()
	if err != nil || t != json.Delim('{') && t != json.Delim('[') {
		return err
	}
	if len(path) > maxDepth {
		return errTooDeep
	}
	for n := 0; w.dec.More(); n++ {
		name := strconv.Itoa(n)
		if t == json.Delim('{') {
			key, err := w.dec.Token()
			if err != nil {
				return err
			}
			name, _ = key.(string)
		}
		at := append(slices.Clone(path), name)
		if t == json.Delim('{') {
			w.keys = append(w.keys, specKey{at, 1 + bytes.Count(w.data[:w.dec.InputOffset()], []byte("\n"))})
		}
		if err := w.value(at); err != nil {
			return err
		}
	}
	_, err = w.dec.Token() // the closing delimiter
	return err
}

// patterns are patterns of cases. In a configuration a single one need not be in
// a list.
type patterns []string

// UnmarshalJSON reads a list of strings, or a string.
func (p *patterns) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil && string(data) != "null" {
		*p = patterns{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		found := "list of other things"
		if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && data[0] != '[' {
			found = kind.Value
		}
		return &json.UnmarshalTypeError{Value: found, Type: reflect.TypeFor[patterns]()}
	}
	*p = list
	return nil
}
