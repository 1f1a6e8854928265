package docker

import (
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The labels of everything that this package creates.
const (
	Label      = "wsconform"       // "1"
	LabelRun   = "wsconform.run"   // id of the run; see [Engine.RunID]
	LabelOwner = "wsconform.owner" // process of the run; while it lives, other processes leave its things alone
)

// labels returns the labels of a new container; the package's override extra.
func (e *Engine) labels(extra map[string]string) map[string]string {
	m := map[string]string{}
	maps.Copy(m, extra)
	m[Label], m[LabelRun], m[LabelOwner] = "1", e.run, e.owner
	return m
}

// imageLabels returns the labels of a new image. They name no owner, since containers
// inherit them, and containers that users start from the image are not ours to
// remove.
func imageLabels(extra map[string]string) map[string]string {
	m := map[string]string{}
	maps.Copy(m, extra)
	m[Label] = "1"
	return m
}

// An owner identifies a process uniquely. Pids are reused, so it includes the start
// time of the process and the boot of the machine.
type owner struct {
	host, boot string
	pid        int
	started    string // in ticks since boot; "" if unknown
}

func (o owner) String() string {
	return strings.Join([]string{o.host, o.boot, strconv.Itoa(o.pid), o.started}, " ")
}

// self is this process.
func self() owner {
	host, _ := os.Hostname() // "" will do: it only has to be the same next time
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	pid := os.Getpid()
	return owner{strings.ReplaceAll(host, " ", "_"), strings.TrimSpace(string(boot)), pid, started(pid)}
}

// parseOwner reads the value of [LabelOwner].
func parseOwner(s string) (owner, bool) {
	f := strings.Split(s, " ")
	if len(f) != 4 {
		return owner{}, false
	}
	pid, err := strconv.Atoi(f[2])
	if err != nil || pid <= 0 {
		return owner{}, false
	}
	return owner{f[0], f[1], pid, f[3]}, true
}

// mayLive reports whether the process o may still exist, as seen from the process me.
// A process of another machine counts as alive.
func (o owner) mayLive(me owner) bool {
	switch {
	case o.host != me.host:
		return true
	case o.boot != me.boot:
		return false
	case o.started != "":
		return started(o.pid) == o.started
	}
	p, err := os.FindProcess(o.pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// started returns the start time of the process, or "" if there is no such process, it
// is a zombie, or there is no /proc.
func started(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field, a name in parentheses, may hold anything; the fields after
	// it are its state, a letter, and numbers. The start time is field 22.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}
