package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/internal/runfile"
)

// maskArgs returns text without the secrets that the arguments of the command hold: user,
// password and query of URLs, and the values of headers. A server may quote them, and
// what the program prints may be in a public CI log.
func maskArgs(args []string, text string) string {
	text = new(runfile.Secrets).Text(text)
	var headers []string
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		short, isShort := strings.CutPrefix(arg, "-H")
		switch {
		case i > 0 && slices.Contains(headerFlags, args[i-1]):
			headers = append(headers, arg)
		case joined && slices.Contains(headerFlags, name):
			headers = append(headers, value)
		case isShort && short != "":
			headers = append(headers, short)
		case strings.Contains(arg, "://"):
			text = runfile.NewSecrets(arg, nil).Text(text)
		}
	}
	added := http.Header{}
	for _, header := range headers {
		if name, value, ok := strings.Cut(header, ":"); ok {
			added.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return runfile.NewSecrets("", added).Text(text)
}

// headerFlags are the flags whose values are headers.
var headerFlags = []string{"-H", "--header", "--headers"}
