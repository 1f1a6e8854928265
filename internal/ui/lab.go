package ui

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/labrun"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
)

// labID is the case that the wire lab plays.
const labID = string(labrun.ID)

// maxScript bounds a script, in bytes.
const maxScript = 256 << 10

// A labRequest has a script played, against the peer of a run or another one.
type labRequest struct {
	Run    string        `json:"run"` // "" means what the request names
	Target Request       `json:"target"`
	Reach  Reach         `json:"reach"`
	Case   usercase.Spec `json:"case"` // its id is that of the lab
}

// A Reach says more of how a raw script reaches its peer. Each is a flag of wsconform dump.
type Reach struct {
	Header      string `json:"header"` // NAME: VALUE
	Subprotocol string `json:"subprotocol"`
	Proxy       string `json:"proxy"`
	CA          string `json:"ca"`   // file
	Cert        string `json:"cert"` // file, of our own
	Key         string `json:"key"`  // file
	ServerName  string `json:"serverName"`
	Insecure    bool   `json:"insecure"` // accept any certificate
}

// flags are those for connecting to a server, or for a client that connects to us.
func (r Reach) flags(listen bool) []string {
	var list []string
	cert, key := "cert", "key"
	if listen { // the certificate makes it TLS
		cert, key = "tls-cert", "tls-key"
	}
	for _, f := range [][2]string{{"header", r.Header}, {"subprotocol", r.Subprotocol}, {"proxy", r.Proxy}, {"ca", r.CA}, {cert, r.Cert}, {key, r.Key}, {"server-name", r.ServerName}} {
		if f[1] != "" {
			list = append(list, "--"+f[0]+"="+f[1])
		}
	}
	if r.Insecure {
		list = append(list, "--insecure")
	}
	return list
}

// lab plays a script as wsconform dump --raw does; or, where something is wanted of the peer,
// as a case of the user's.
func (s *server) lab(w http.ResponseWriter, r *http.Request) {
	var q labRequest
	if !read(w, r, &q) {
		return
	}
	sel := Selection{Cases: labID, Suite: string(cases.User)}
	var args []string
	var err error
	if q.Run != "" {
		args, err = s.argsOf(q.Run, sel)
	} else {
		q.Target.Selection = sel
		args, err = q.Target.Args(s.program)
	}
	dir, begin := filepath.Join(s.dir, "ui", "lab"), s.raw
	if len(q.Case.Want) > 0 {
		begin = s.judged
	}
	if err == nil {
		args, err = begin(q, args, dir)
	}
	if err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	s.begin(w, args, dir, "result")
}

// raw are the words that play a script, which is written to a new folder.
func (s *server) raw(q labRequest, args []string, dir string) ([]string, error) {
	switch err := rawscript.Check(q.Case.Script); {
	case err != nil:
		return nil, err
	case len(q.Case.Script) > maxScript:
		return nil, fmt.Errorf("the script has %d bytes, where %d are the most", len(q.Case.Script), maxScript)
	}
	words, err := Dump(args)
	if err != nil {
		return nil, err
	}
	folder, err := newFolder(dir, "script")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "script.txt")
	if err := os.WriteFile(file, []byte(q.Case.Script), 0o600); err != nil {
		return nil, err
	}
	return slices.Concat(words, q.Reach.flags(listens(words)), []string{"--script=" + file}), nil
}

// judged are the words that play a case, which is written to a new folder.
func (s *server) judged(q labRequest, args []string, dir string) ([]string, error) {
	spec := q.Case
	spec.ID = labrun.ID
	if spec.Title == "" {
		spec.Title = "a script of the wire lab"
	}
	if _, err := spec.Case(); err != nil {
		return nil, errors.Unwrap(err) // without the id
	}
	switch {
	case args[0] == "compare":
		return nil, errComparison
	case args[0] == "dump":
		return nil, errors.New("name the server here, by its URL or command")
	case slices.Contains(args, "--client"):
		return nil, errors.New("cases of your own are for servers; a script without checks can be played to a client")
	}
	folder, err := newFolder(dir, "script")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "cases.yaml")
	if err := usercase.Save(file, spec); err != nil {
		return nil, err
	}
	return slices.Insert(args, 1, "--user-cases="+file), nil
}

// listens reports whether the words of a wsconform dump play the server.
func listens(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "--listen=") })
}

var errComparison = errors.New("the agent of a comparison is not running: start it, and name it here by its URL or command")

// dumpFlags are those of wsconform test that dump has too, and whether they have a value.
var dumpFlags = map[string]bool{
	"--header": true, "--subprotocol": true, "--proxy": true, "--ca": true, "--cert": true, "--key": true, "--server-name": true,
	"--insecure": false, "--skip-hostname": false, "--verify-name": true,
}

// switches are flags of test without a value, which dump does not have.
var switches = []string{"--no-echo", "--strict", "--slow", "--client", "--one-shot", "--http2", "--http3", "--tls", "--faithful", "--show-secrets"}

// Dump turns the words of a wsconform test into those of a wsconform dump that plays a raw
// script to the same peer.
func Dump(args []string) ([]string, error) {
	switch {
	case len(args) > 0 && args[0] == "dump": // of another script
		return slices.DeleteFunc(slices.Clone(args), func(word string) bool { return strings.HasPrefix(word, "--script=") }), nil
	case len(args) == 0 || args[0] != "test":
		return nil, errComparison
	}
	words, command := []string{"dump", "--raw", "--eof-wait=1s"}, []string(nil)
	url := ""
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		word := rest[0]
		name, value, whole := strings.Cut(word, "=")
		takes, known := dumpFlags[name]
		switch {
		case word == "--":
			command, rest = rest[1:], rest[:1]
		case !strings.HasPrefix(word, "-"):
			url = word
		case slices.Contains(switches, name):
		case known && !takes:
			words = append(words, word)
		default: // it has a value
			if !whole && len(rest) > 1 {
				value, rest = rest[1], rest[1:]
			}
			if known || name == "--server-cmd" {
				words = append(words, name+"="+value)
			}
		}
	}
	if len(command) > 0 {
		if len(command) == 3 && command[0] == "/bin/sh" && command[1] == "-c" {
			command = []string{strings.TrimPrefix(command[2], "exec ")}
		} else {
			for i, word := range command {
				command[i] = runfile.ShellWord(word)
			}
		}
		return append(words, "--listen=127.0.0.1:0", "--oneshot", "--client-cmd="+strings.Join(command, " ")), nil
	}
	if url != "" {
		words = append(words, url)
	}
	return words, nil
}

// script gives the script of a connection of a case, as the client or as the server plays it.
func (s *server) script(w http.ResponseWriter, r *http.Request) {
	c, ok := catalogue.Find(cases.ID(r.URL.Query().Get("case")))
	n, err := strconv.Atoi(r.URL.Query().Get("conn"))
	if !ok || err != nil || n < 0 || n >= len(c.Conns) {
		failed(w, http.StatusNotFound, errors.New("there is no such case"))
		return
	}
	answer(w, map[string]any{"script": usercase.Script(c, n), "conns": len(c.Conns), "title": c.Title, "requirements": requirementsOf(c)})
}

func requirementsOf(c cases.Case) []string {
	if c.Requirements == nil {
		return []string{}
	}
	return c.Requirements
}

// library lists the cases whose scripts there are.
func (s *server) library(w http.ResponseWriter, r *http.Request) {
	list := [][2]string{}
	for _, c := range catalogue.All() {
		role := cases.Server
		if r.URL.Query().Get("role") == "client" {
			role = cases.Client
		}
		if c.For(role) {
			list = append(list, [2]string{string(c.ID), c.Title})
		}
	}
	answer(w, list)
}

// save writes a user case into the file that test reads in this folder.
func (s *server) save(w http.ResponseWriter, r *http.Request) {
	var spec usercase.Spec
	if !read(w, r, &spec) {
		return
	}
	if err := usercase.Save("", spec); err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	path, err := filepath.Abs(usercase.DefaultFile)
	if err != nil {
		path = usercase.DefaultFile
	}
	answer(w, map[string]string{"file": path})
}
