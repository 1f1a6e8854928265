package wstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// arguments are the parsed arguments of the command.
type arguments struct {
	Mode    string
	Spec    string
	URI     string
	WebPort int
	// WebPortGiven is set if WebPort was given, and is not the default.
	WebPortGiven bool
	Ident        string
	Key, Cert    string
	Outfile      string
	Testset      string
	Debug        bool
	Version      bool // print the versions and exit
	Help         bool
	HTTP2        bool // the fuzzing modes speak HTTP/2
	HTTP3        bool // or HTTP/3
	// Parallel is how many cases the fuzzingclient plays at once; 0 if not given.
	Parallel int
}

// defaultWebPort is the port of the page for browsers.
const defaultWebPort = 8080

// A usageError reports wrong usage or a configuration that cannot be used. The
// program exits 1.
type usageError struct{ Reason string }

func (e *usageError) Error() string { return e.Reason }

func usagef(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// A flag is an option of the command line.
type flag struct {
	long  string
	short byte // 0 for none
	help  string
	set   func(a *arguments, value string) error
	// bare is set for options without a value.
	bare bool
}

// flags lists the options, in the order of the help.
var flags = []flag{
	{"mode", 'm', "what to run, see above", func(a *arguments, v string) error { a.Mode = v; return nil }, false},
	{"spec", 's', "configuration `file`; by default MODE.json, which is created if missing", func(a *arguments, v string) error { a.Spec = v; return nil }, false},
	{"wsuri", 'w', "WebSocket address, such as ws://127.0.0.1:9000", func(a *arguments, v string) error { a.URI = v; return nil }, false},
	{"webport", 'u', "port of the page for browsers; 0 serves none (8080)", setWebPort, false},
	{"ident", 'i', "name of testeeclient in the reports", func(a *arguments, v string) error { a.Ident = v; return nil }, false},
	{"key", 'k', "private key of a server, PEM", func(a *arguments, v string) error { a.Key = v; return nil }, false},
	{"cert", 'c', "certificate of a server, PEM", func(a *arguments, v string) error { a.Cert = v; return nil }, false},
	{"parallel", 0, "cases the fuzzingclient plays at once (1)", setParallel, false},
	{"http2", 0, "fuzzing modes: test WebSockets over HTTP/2 (RFC 8441)", func(a *arguments, _ string) error { a.HTTP2 = true; return nil }, true},
	{"http3", 0, "fuzzing modes: test WebSockets over HTTP/3 (RFC 9220); needs wss", func(a *arguments, _ string) error { a.HTTP3 = true; return nil }, true},
	{"outfile", 'o', "accepted, without effect", func(a *arguments, v string) error { a.Outfile = v; return nil }, false},
	{"testset", 't', "accepted, without effect", func(a *arguments, v string) error { a.Testset = v; return nil }, false},
	{"debug", 'd', "print each verdict", func(a *arguments, _ string) error { a.Debug = true; return nil }, true},
	{"autobahnversion", 'a', "print versions", func(a *arguments, _ string) error { a.Version = true; return nil }, true},
	{"version", 0, "print versions", func(a *arguments, _ string) error { a.Version = true; return nil }, true},
	{"help", 'h', "print this help", func(a *arguments, _ string) error { a.Help = true; return nil }, true},
}

func setWebPort(a *arguments, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 65535 {
		return usagef("web port %q is not a number from 0 to 65535", v)
	}
	a.WebPort, a.WebPortGiven = n, true
	return nil
}

func setParallel(a *arguments, v string) error {
	n, err := strconv.Atoi(v)
	if err == nil {
		err = checkParallel(n)
	}
	if err != nil {
		return usagef("--parallel: %q is not a number of cases from 1 to %d", v, maxParallel)
	}
	a.Parallel = n
	return nil
}

// parseArgs parses the arguments after the program's name. Like the original it
// accepts -mMODE, -m MODE, --mode=MODE, --mode MODE and any unambiguous prefix of a
// long name. An error is a [*usageError].
func parseArgs(list []string) (arguments, error) {
	a := arguments{WebPort: defaultWebPort}
	for len(list) > 0 {
		arg := list[0]
		list = list[1:]
		var err error
		switch {
		case arg == "--":
			if len(list) > 0 {
				return a, usagef("unexpected argument %q", list[0])
			}
		case strings.HasPrefix(arg, "--"):
			list, err = a.long(arg[2:], list)
		case strings.HasPrefix(arg, "-") && arg != "-":
			list, err = a.cluster(arg[1:], list)
		default:
			err = usagef("unexpected argument %q", arg)
		}
		if err != nil {
			return a, err
		}
	}
	return a, nil
}

// long parses --name, --name=value, or --name with its value in rest.
func (a *arguments) long(arg string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(arg, "=")
	f, err := findLong(name)
	if err != nil {
		return rest, err
	}
	switch {
	case f.bare && given:
		return rest, usagef("option --%s takes no value", f.long)
	case !f.bare && !given:
		if len(rest) == 0 {
			return rest, usagef("option --%s needs a value", f.long)
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, f.set(a, value)
}

// ours reports whether the original has no such option. An abbreviation means one of the
// original's.
func (f flag) ours() bool { return f.long == "http2" || f.long == "http3" }

func findLong(name string) (flag, error) {
	if i := slices.IndexFunc(flags, func(f flag) bool { return f.long == name }); i >= 0 {
		return flags[i], nil
	}
	var found []flag
	for _, f := range flags {
		if name != "" && strings.HasPrefix(f.long, name) && !f.ours() {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return flag{}, usagef("unknown option --%s", name)
	case 1:
		return found[0], nil
	}
	return flag{}, usagef("option --%s is ambiguous", name)
}

// cluster parses -d, -da, -mMODE, or -m with its value in rest.
func (a *arguments) cluster(arg string, rest []string) ([]string, error) {
	for arg != "" {
		i := slices.IndexFunc(flags, func(f flag) bool { return f.short == arg[0] })
		if i < 0 || arg[0] == 0 {
			return rest, usagef("unknown option -%c", arg[0])
		}
		f := flags[i]
		value := arg[1:]
		if f.bare {
			if err := f.set(a, ""); err != nil {
				return rest, err
			}
			arg = value
			continue
		}
		if value == "" {
			if len(rest) == 0 {
				return rest, usagef("option -%c needs a value", f.short)
			}
			value, rest = rest[0], rest[1:]
		}
		return rest, f.set(a, value)
	}
	return rest, nil
}

// helpText is what --help prints.
func helpText() string {
	var b strings.Builder
	b.WriteString("Usage: wstest --mode MODE [options]\n\nModes:\n")
	for _, m := range modes() {
		fmt.Fprintf(&b, "  %-17s %s\n", m.name, m.help)
	}
	b.WriteString("\nOptions:\n")
	for _, f := range flags {
		short, value := "    ", ""
		if f.short != 0 {
			short = fmt.Sprintf("-%c, ", f.short)
		}
		if !f.bare {
			value = "="
		}
		fmt.Fprintf(&b, "  %s--%-17s %s\n", short, f.long+value, strings.ReplaceAll(f.help, "`", ""))
	}
	return b.String()
}
