// Package usercase reads the cases that users write: YAML files with a raw script each and
// what is wanted of the peer. Start at [Load]. [Conn] turns a script into a connection of a
// case, [Script] a case of the suites into a script to start from.
package usercase

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/user"
)

// DefaultFile is the file of user cases that is read without being named.
const DefaultFile = "wsconform-cases.yaml"

// SchemaURL is where the JSON Schema of the files is published.
const SchemaURL = "https://raw.githubusercontent.com/wsconform/wsconform/main/internal/usercase/cases-v1.schema.json"

// Schema is the JSON Schema of the files, for editors.
//
//go:embed cases-v1.schema.json
var Schema []byte

// A File is a file of cases.
type File struct {
	Version int    `yaml:"version" json:"version"`
	Cases   []Spec `yaml:"cases" json:"cases"`
}

// A Spec is a case as a user writes it.
type Spec struct {
	ID           cases.ID      `yaml:"id" json:"id"`
	Title        string        `yaml:"title" json:"title"`
	Level        string        `yaml:"level,omitempty" json:"level,omitempty"` // MUST (the default), SHOULD, MAY, ROBUSTNESS or INFORMATIONAL
	Requirements []string      `yaml:"requirements,omitempty" json:"requirements,omitempty"`
	Script       string        `yaml:"script" json:"script"`
	Want         []user.Clause `yaml:"want" json:"want"`
}

// Bounds of a file.
const (
	maxFile  = 4 << 20 // bytes
	maxCases = 1000
	maxTitle = 200 // bytes
)

// Load reads the file, and makes its cases known to the catalogue. With an empty path it reads
// [DefaultFile], if there is one.
func Load(path string) ([]Spec, error) {
	f, err := Read(path)
	if err != nil {
		return nil, err
	}
	for _, s := range f.Cases {
		if err := Add(s); err != nil {
			return nil, fmt.Errorf("%s: %w", name(path), err)
		}
	}
	return f.Cases, nil
}

func name(path string) string {
	if path == "" {
		return DefaultFile
	}
	return path
}

// Read reads the file and checks it. An empty path means [DefaultFile], if there is one.
func Read(path string) (File, error) {
	var f File
	info, err := os.Stat(name(path))
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%s: it has %d bytes, where %d are the most", name(path), info.Size(), maxFile)
	}
	if err != nil {
		return f, err
	}
	text, err := os.ReadFile(name(path))
	if err != nil {
		return f, err
	}
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return f, fmt.Errorf("%s: %w", name(path), err)
	}
	if err := f.check(); err != nil {
		return f, fmt.Errorf("%s: %w", name(path), err)
	}
	return f, nil
}

func (f File) check() error {
	if f.Version != 1 {
		return fmt.Errorf("version %d: must be 1", f.Version)
	}
	if len(f.Cases) > maxCases {
		return fmt.Errorf("%d cases, where %d are the most", len(f.Cases), maxCases)
	}
	seen := map[cases.ID]bool{}
	for _, s := range f.Cases {
		if _, err := s.Case(); err != nil {
			return err
		}
		if seen[s.ID] {
			return fmt.Errorf("case %s is there twice", s.ID)
		}
		seen[s.ID] = true
	}
	return nil
}

// Add makes a case known to the catalogue.
func Add(s Spec) error {
	c, err := s.Case()
	if err != nil {
		return err
	}
	return user.Add(c)
}

// AddAll makes those that are whole known: others are, to a reader of a run file, cases that
// it does not have.
func AddAll(list []Spec) {
	for _, s := range list[:min(len(list), maxCases)] {
		_ = Add(s)
	}
}

// Case is the case that is written so.
func (s Spec) Case() (cases.Case, error) {
	c := cases.Case{ID: s.ID, Title: strings.TrimSpace(s.Title), Requirements: s.Requirements, Roles: []cases.Role{cases.Server}, Suite: cases.User}
	if err := user.CheckID(s.ID); err != nil {
		return c, err
	}
	wrap := func(err error) error { return fmt.Errorf("case %s: %w", s.ID, err) }
	if c.Title == "" || len(c.Title) > maxTitle || strings.ContainsAny(c.Title, "\r\n") {
		return c, wrap(fmt.Errorf("title: must be a line of at most %d bytes", maxTitle))
	}
	switch s.Level {
	case "", "MUST":
		c.Level = cases.Must
	case "SHOULD":
		c.Level = cases.Should
	case "MAY":
		c.Level = cases.May
	case "ROBUSTNESS":
		c.Level = cases.Robustness
	case "INFORMATIONAL":
		c.Level = cases.Informing
	default:
		return c, wrap(fmt.Errorf("level %.40q: must be MUST, SHOULD, MAY, ROBUSTNESS or INFORMATIONAL", s.Level))
	}
	one, err := Conn(s.Script)
	if err != nil {
		return c, wrap(fmt.Errorf("script: %w", err))
	}
	c.Conns = []cases.Conn{one}
	want, err := user.Want(s.Want)
	if err != nil {
		return c, wrap(err)
	}
	c.Want = want
	c.Expect = strings.ReplaceAll(want.String(), "\n", "; ")
	return c, nil
}

// Save adds a case to the file, or replaces the one with its id. An empty path means
// [DefaultFile].
func Save(path string, s Spec) error {
	if _, err := s.Case(); err != nil {
		return err
	}
	f := File{Version: 1}
	if _, err := os.Stat(name(path)); err == nil {
		if f, err = Read(path); err != nil {
			return err
		}
	}
	replaced := false
	for i, old := range f.Cases {
		if old.ID == s.ID {
			f.Cases[i], replaced = s, true
		}
	}
	if !replaced {
		f.Cases = append(f.Cases, s)
	}
	return write(name(path), f)
}
