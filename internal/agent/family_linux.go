package agent

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// familyUsage sums up what the processes use.
func familyUsage(pids []int) (u Usage) {
	for _, child := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil {
			continue // it has ended
		}
		one := usageOf(stat)
		u.Tasks += one.Tasks
		u.Memory += one.Memory
	}
	return u
}

// usageOf reads what a process uses from its line in /proc, described in proc(5).
func usageOf(stat []byte) (u Usage) {
	// The name of the program, in brackets, may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return u
	}
	u.Tasks, _ = strconv.ParseInt(fields[17], 10, 64) // field 20
	pages, _ := strconv.ParseInt(fields[21], 10, 64)  // field 24
	u.Memory = pages * int64(os.Getpagesize())
	return u
}

// maxDescendants bounds what a fork bomb makes us read.
const maxDescendants = 20000

// Descendants lists the processes below pid.
func Descendants(pid int) []int {
	var list []int
	for queue := []int{pid}; len(queue) > 0 && len(list) < maxDescendants; {
		next := queue[0]
		queue = queue[1:]
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", next))
		if err != nil {
			continue
		}
		for _, thread := range threads {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", next, thread.Name()))
			if err != nil {
				continue
			}
			for word := range strings.FieldsSeq(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					list, queue = append(list, child), append(queue, child)
				}
			}
		}
	}
	return list
}
