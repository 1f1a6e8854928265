package native

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// usualBuffers is what the buffers of one end may hold where the system does not say so: twice
// what Linux has by default.
const usualBuffers = 20 << 20

// held is how many bytes TCP may hold, of both ends and both directions, that a peer has not
// read, or has sent and we have not read. The peer's system is thought to be like ours.
var held = sync.OnceValue(func() int {
	read, ok := largestBuffer("/proc/sys/net/ipv4/tcp_rmem")
	write, ok2 := largestBuffer("/proc/sys/net/ipv4/tcp_wmem")
	if !ok || !ok2 {
		return 2 * usualBuffers
	}
	return 2 * (read + write)
})

// largestBuffer reads the last of three numbers: the least, the usual and the largest size.
func largestBuffer(file string) (int, bool) {
	text, err := os.ReadFile(file)
	words := strings.Fields(string(text))
	if err != nil || len(words) != 3 {
		return 0, false
	}
	n, err := strconv.Atoi(words[2])
	return n, err == nil && n > 0
}
