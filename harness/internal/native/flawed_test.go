//go:build unix

package native

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws"
)

// flawVariable has the test binary behave as a driver with a flaw.
const flawVariable = "WSCONFORM_TEST_FLAW"

// A flaw is how a driver misbehaves.
type flaw struct {
	Case  cases.ID // at which; "" at every case
	When  string   // opened, closed, later (two cases on, or at the end), end
	How   string   // the number of an exit status, or the name of a signal
	Every int      // at those whose id ends in a multiple of it, if not 0
	Again bool     // each case is played twice
	After string   // file that is made at the first crash; the driver has no flaw if it exists
}

func (f flaw) String() string {
	text, _ := json.Marshal(f)
	return string(text)
}

func (f flaw) strike() {
	if f.After != "" {
		file, err := os.OpenFile(f.After, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return
		}
		file.Close()
	}
	if status, err := strconv.Atoi(f.How); err == nil {
		os.Exit(status)
	}
	// The Go runtime makes an exit status of most signals; a shell does not.
	_ = syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -" + f.How + " $$"}, nil)
	os.Exit(94)
}

// flawedDriver runs the cases that the endpoint at url offers.
func flawedDriver(text, url string) int {
	var f flaw
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return 90
	}
	url = strings.TrimSuffix(url, "/")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	count, err := strconv.Atoi(ask(ctx, url+"/getCaseCount"))
	if err != nil {
		return 91
	}
	due := -1 // number of the case at which a flaw that comes later strikes
	seen := false
	for n := 1; n <= count; n++ {
		var info struct{ ID cases.ID }
		if err := json.Unmarshal([]byte(ask(ctx, fmt.Sprintf("%s/getCaseInfo?case=%d", url, n))), &info); err != nil {
			return 92
		}
		hit := f.Case == "" || f.Case == info.ID
		if f.Every != 0 {
			number, _ := strconv.Atoi(string(info.ID[strings.LastIndex(string(info.ID), ".")+1:]))
			hit = number%f.Every == 0
		}
		seen = seen || hit
		for range 1 + map[bool]int{true: 1}[f.Again] {
			c, err := ws.Dial(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=flawed", url, n), nil)
			if err != nil {
				return 93
			}
			if n == due || hit && f.When == "opened" {
				f.strike()
			}
			_ = ws.Echo(ctx, c)
			c.CloseNow()
		}
		switch {
		case hit && f.When == "closed":
			f.strike()
		case hit && f.When == "later" && due < 0:
			due = n + 2
		}
	}
	ask(ctx, url+"/updateReports?agent=flawed")
	if due > count || seen && f.When == "end" {
		f.strike()
	}
	return 0
}

// ask returns the message of a resource.
func ask(ctx context.Context, url string) string {
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		return ""
	}
	defer c.CloseNow()
	_, p, err := c.Read(ctx)
	if err != nil {
		return ""
	}
	_ = c.Discard(ctx)
	return string(p)
}
