package ui

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/cases/user"
	"github.com/wsconform/wsconform/internal/usercase"
)

// labID is the case that the wire lab plays.
const labID = "U.lab"

// A labRequest has a script played, against the server of a run or another one.
type labRequest struct {
	Run    string        `json:"run"` // "" means what the request names
	Target Request       `json:"target"`
	Case   usercase.Spec `json:"case"` // its id is that of the lab
}

// lab plays a script: a run of one case that is written for it.
func (s *server) lab(w http.ResponseWriter, r *http.Request) {
	var q labRequest
	if !read(w, r, &q) {
		return
	}
	spec := q.Case
	spec.ID = labID
	if spec.Title == "" {
		spec.Title = "a script of the wire lab"
	}
	if len(spec.Want) == 0 {
		spec.Level, spec.Want = cases.Informing.String(), []user.Clause{{Grade: string(cases.Informational), Open: true}}
	}
	if _, err := spec.Case(); err != nil {
		failed(w, http.StatusBadRequest, errors.Unwrap(err)) // without the id
		return
	}
	dir := filepath.Join(s.dir, "ui", "lab")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	folder, err := newFolder(dir, "script")
	if err != nil {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	file := filepath.Join(folder, "cases.yaml")
	if err := usercase.Save(file, spec); err != nil {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	sel := Selection{Cases: labID, Suite: string(cases.User)}
	var args []string
	if q.Run != "" {
		args, err = s.argsOf(q.Run, sel)
	} else {
		q.Target.Selection = sel
		args, err = q.Target.Args(s.program)
	}
	if err == nil && args[0] == "compare" {
		err = errors.New("the agent of a comparison is not running: start its server, and name it here by its URL or command")
	}
	if err == nil && slices.Contains(args, "--client") {
		err = errors.New("the wire lab sends to servers: a client opens its own connections")
	}
	if err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	args = slices.Insert(args, 1, "--user-cases="+file)
	s.begin(w, args, dir, "result")
}

// script gives the script of a connection of a case.
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
func (s *server) library(w http.ResponseWriter, _ *http.Request) {
	list := [][2]string{}
	for _, c := range catalogue.All() {
		if c.For(cases.Server) {
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
