package usercase

import (
	"io"

	"github.com/goccy/go-yaml"

	"github.com/wsconform/wsconform/internal/atomicfile"
)

// write writes the file whole.
func write(path string, f File) error {
	text, err := yaml.MarshalWithOptions(f, yaml.UseLiteralStyleIfMultiline(true), yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	head := "# yaml-language-server: $schema=" + SchemaURL + "\n# docs/lab.md describes this file. Comments are lost when wsconform ui saves a case.\n"
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, head+string(text))
		return err
	})
}
