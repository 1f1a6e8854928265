package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Commands start fast and small: tables, patterns and templates are made when they are
// first needed, not in every process.
func TestPackagesInitializeLittle(t *testing.T) {
	const most = 64 << 10 // bytes, of one package
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe, watchArgs...) // ends at once: it has no input
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, _ := c.CombinedOutput()
	lines := regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) bytes, (\d+) allocs$`).FindAllStringSubmatch(string(out), -1)
	ours := 0
	for _, line := range lines {
		if !strings.HasPrefix(line[1], "github.com/wsconform/") {
			continue
		}
		ours++
		if n, _ := strconv.Atoi(line[2]); n > most {
			t.Errorf("package %s allocates %d bytes before main, want at most %d: use sync.OnceValue", line[1], n, most)
		}
	}
	if ours < 10 {
		t.Errorf("only %d of our packages are in the trace:\n%s", ours, out)
	}
}
