// Package owner names processes in what they leave behind, so that it can be removed once
// they have ended.
package owner

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// An Owner identifies a process uniquely. Pids are reused, so it includes the start
// time of the process and the boot of the machine.
type Owner struct {
	Host, Boot string
	PID        int
	Started    string // in ticks since boot; "" if unknown
}

func (o Owner) String() string {
	return strings.Join([]string{o.Host, o.Boot, strconv.Itoa(o.PID), o.Started}, " ")
}

// Self returns this process.
func Self() Owner { return Of(os.Getpid()) }

// Of returns a process of this machine.
func Of(pid int) Owner {
	host, _ := os.Hostname() // "" will do: it only has to be the same next time
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return Owner{strings.ReplaceAll(host, " ", "_"), strings.TrimSpace(string(boot)), pid, started(pid)}
}

// Parse reads what [Owner.String] has written.
func Parse(s string) (Owner, bool) {
	f := strings.Split(s, " ")
	if len(f) != 4 {
		return Owner{}, false
	}
	pid, err := strconv.Atoi(f[2])
	if err != nil || pid <= 0 {
		return Owner{}, false
	}
	return Owner{f[0], f[1], pid, f[3]}, true
}

// MayLive reports whether the process o may still exist, as seen from the process me.
// A process of another machine counts as alive.
func (o Owner) MayLive(me Owner) bool {
	switch {
	case o.Host != me.Host:
		return true
	case o.Boot != me.Boot:
		return false
	case o.Started != "":
		return started(o.PID) == o.Started
	}
	p, err := os.FindProcess(o.PID)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// started returns when the process started, or "" if there is no such process,
// it is a zombie, or there is no /proc.
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
