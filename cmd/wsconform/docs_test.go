package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// source is the root of the repository.
const source = "../.."

// pages reads every Markdown file of the repository, by its path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := fs.WalkDir(os.DirFS(source), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "dist", "out", "node_modules", "testdata"}, d.Name()):
			return fs.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(filepath.Join(source, path))
		list[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var (
	mdLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notInSlug = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// slugs returns the anchors of a page's headings, as GitHub makes them.
func slugs(page string) []string {
	var list []string
	for _, m := range mdHeading.FindAllStringSubmatch(page, -1) {
		list = append(list, strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return list
}

func TestDocumentationLinks(t *testing.T) {
	all := pages(t)
	for path, text := range all {
		for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(path), file))
			}
			if _, err := os.Stat(filepath.Join(source, target)); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
			if anchor != "" && !slices.Contains(slugs(all[target]), anchor) {
				t.Errorf("%s links to %s: no such heading", path, m[1])
			}
		}
	}
	for path := range all {
		if rest, ok := strings.CutPrefix(path, "docs/"); ok && rest != "README.md" && !strings.Contains(all["docs/README.md"], "]("+rest+")") {
			t.Errorf("docs/README.md does not list %s", path)
		}
	}
}

func TestDocumentationListsEveryCommand(t *testing.T) {
	text := pages(t)["docs/commands.md"]
	for _, c := range rootCommand().Commands() {
		if c.Name() != "help" && !strings.Contains(text, "`"+c.Name()) {
			t.Errorf("docs/commands.md: no %s", c.Name())
		}
	}
}

var (
	shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)
	shellEnd  = []string{"|", "||", "&&", ">", ">>", "<", "</dev/null", "#"}
	ours      = regexp.MustCompile(`(?:^|&& |\| |run: )(?:bin/)?wsconform (.+)$`)
)

// commandLines returns the arguments of wsconform in the indented and fenced blocks
// of a page.
func commandLines(page string) [][]string {
	var list [][]string
	fenced := false
	for line := range strings.Lines(page) {
		fenced = fenced != strings.HasPrefix(line, "```")
		if !fenced && !strings.HasPrefix(line, "    ") {
			continue
		}
		rest := strings.TrimSpace(line)
		for m := ours.FindStringSubmatch(rest); m != nil; m = ours.FindStringSubmatch(rest) {
			rest = m[1]
			var args []string
			for _, word := range shellWord.FindAllString(rest, -1) {
				if slices.Contains(shellEnd, word) {
					break
				}
				args = append(args, strings.NewReplacer("'", "", `"`, "", "${{ matrix.part }}", "1").Replace(word))
			}
			list = append(list, args)
		}
	}
	return list
}

// Every command line in the documentation names a command that exists, with flags
// that it has and values that they take.
func TestDocumentedCommands(t *testing.T) {
	n := 0
	for path, text := range pages(t) {
		for _, args := range commandLines(text) {
			n++
			root := rootCommand()
			root.InitDefaultCompletionCmd()
			c, rest, err := root.Find(args)
			switch {
			case err != nil:
			case c.Name() == "wsconform":
				err = noCommand(c, rest)
			case !c.DisableFlagParsing:
				err = c.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: wsconform %s: %v", path, strings.Join(args, " "), err)
			}
		}
	}
	if n < 60 {
		t.Errorf("found %d command lines in the documentation, want 60 or more", n)
	}
}
