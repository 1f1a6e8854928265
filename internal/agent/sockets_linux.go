package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// reachable are the addresses, as the kernel writes them, at which 127.0.0.1 reaches
// a socket: itself and any, in both families. Machines of the other byte order have
// it the other way round.
var reachable = map[string]bool{
	"0100007F":                         true,
	"7F000001":                         true,
	"00000000":                         true,
	"00000000000000000000000000000000": true,
	"0000000000000000FFFF00000100007F": true,
	"00000000000000000000FFFF7F000001": true,
}

func (p *Process) sockets() (list []Socket) {
	kernel, _ := kernelSockets("/proc/net")
	holders := holders()
	own := map[int]bool{}
	for _, pid := range marked(p.mark) {
		own[pid] = true
	}
	for _, s := range kernel {
		pids := holders[s.inode]
		if !reachable[s.addr] || len(pids) == 0 {
			continue
		}
		socket := Socket{Port: s.port, Holder: describe(pids[0])}
		for _, pid := range pids {
			// A program may write over its environment, but its parents are known.
			socket.Own = socket.Own || own[pid] || isBelow(pid, p.cmd.Process.Pid)
		}
		list = append(list, socket)
	}
	return list
}

// holders says which processes have which socket, by its inode.
func holders() map[string][]int {
	out := map[string][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		target, err := os.Readlink(file)
		if err != nil {
			continue
		}
		inode, isSocket := strings.CutPrefix(target, "socket:[")
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if isSocket && err == nil {
			inode = strings.TrimSuffix(inode, "]")
			out[inode] = append(out[inode], pid)
		}
	}
	return out
}

// isBelow reports whether the process is that of the ancestor, or has it among
// its parents.
func isBelow(pid, ancestor int) bool {
	for pid > 1 && pid != ancestor {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		// The name of the program, in brackets, may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil { // field 4 of proc(5)
			return false
		}
	}
	return pid == ancestor
}

func describe(pid int) string {
	const most = 100 // bytes of the command line
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	line = bytes.TrimRight(line, "\x00")
	if err != nil || len(line) == 0 {
		return fmt.Sprintf("process %d", pid)
	}
	words := strings.ReplaceAll(string(line[:min(len(line), most)]), "\x00", " ")
	return fmt.Sprintf("process %d (%s)", pid, strings.ToValidUTF8(words, "\uFFFD"))
}
