package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/labrun"
	"github.com/wsconform/wsconform/internal/usercase"
)

// minimizePatience bounds a search for a minimal script, whose own bound is a minute.
const minimizePatience = 2 * time.Minute

// minimize looks for the shortest script that shows what the server does wrong: in a case of
// the suites, or in a script with checks of the user's.
func (s *server) minimize(w http.ResponseWriter, r *http.Request) {
	var q labRequest
	if !read(w, r, &q) {
		return
	}
	var args []string
	var err error
	if q.Run != "" {
		args, err = s.argsOf(q.Run, Selection{})
	} else {
		args, err = q.Target.Args(s.program)
	}
	if err == nil {
		args, err = s.caseWords(q, args)
	}
	if err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	if !s.minimizing.TryLock() {
		failed(w, http.StatusConflict, errors.New("another script is being minimized: wait for it"))
		return
	}
	defer s.minimizing.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), minimizePatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program[0], slices.Concat(s.program[1:], args)...) //nolint:gosec // wsconform itself
	var out bytes.Buffer
	var said clipped
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &said, stopPatience
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	ran := cmd.Run() // 1 says that the server fails the case
	var got struct {
		Minimal json.RawMessage `json:"minimal"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || len(got.Minimal) == 0 {
		failed(w, http.StatusBadGateway, fmt.Errorf("nothing was played: %s", strings.TrimSpace(said.String()+" "+fmt.Sprint(ran))))
		return
	}
	answer(w, got.Minimal)
}

// caseWords turns the words of a run into those of a wsconform case that minimizes.
func (s *server) caseWords(q labRequest, args []string) ([]string, error) {
	words := []string{"case", string(q.Case.ID), "--json", "--minimize"}
	if len(q.Case.Want) > 0 {
		spec := q.Case
		spec.ID = labrun.ID
		if spec.Title == "" {
			spec.Title = labrun.Title
		}
		if _, err := spec.Case(); err != nil {
			return nil, errors.Unwrap(err) // without the id
		}
		folder, err := newFolder(filepath.Join(s.dir, "ui", "lab"), "script")
		if err != nil {
			return nil, err
		}
		file := filepath.Join(folder, "cases.yaml")
		if err := usercase.Save(file, spec); err != nil {
			return nil, err
		}
		words[1] = string(labrun.ID)
		words = append(words, "--user-cases="+file)
	} else if c, ok := catalogue.Find(q.Case.ID); !ok || !c.For(cases.Server) {
		return nil, errors.New("begin with a case for servers, or say below what the server must do: without that nothing tells which steps matter")
	}
	peer, err := Dump(args)
	if err != nil {
		return nil, err
	}
	for _, word := range slices.Concat(peer[1:], q.Reach.flags(false)) {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case name == "--client-cmd":
			return nil, errors.New("scripts for clients are not minimized")
		case name == "--proxy":
			return nil, errors.New("a script is minimized without a proxy")
		case slices.Contains([]string{"--raw", "--eof-wait", "--listen", "--oneshot"}, name):
		case !strings.HasPrefix(word, "--"):
			words = append(words, "--against="+word)
		default:
			words = append(words, word)
		}
	}
	return words, nil
}
