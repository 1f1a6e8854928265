//go:build linux

package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// A library is one row of the tables. Adding one means a file with its two
// functions, written as its own documentation recommends, and a row here.
type library struct {
	name string
	// serve echoes every message on every connection, for ever.
	serve func(l net.Listener, deflate bool) error
	// drive sends bursts and awaits their echoes until the work is over.
	drive func(url string, w *work) error
}

// raw echoes bytes, so it is what the kernel and Go's net package cost. The
// ratios are to it.
var libraries = []library{
	{"raw", rawServe, rawDrive},
	{"ws batch", wsBatchServe, wsBatchDrive},
	{"ws", wsServe, wsDrive},
	{"gws", gwsServe, gwsDrive},
	{"gorilla", gorillaServe, gorillaDrive},
	{"coder", coderServe, coderDrive},
	{"nbio", nbioServe, nbioDrive},
	{"gobwas", gobwasServe, gobwasDrive},
}

func find(name string) (library, error) {
	for _, l := range libraries {
		if l.name == name {
			return l, nil
		}
	}
	return library{}, fmt.Errorf("no library %q", name)
}

// choose always has raw, for the ratios.
func choose(names string) ([]library, error) {
	if names == "" {
		return libraries, nil
	}
	list := libraries[:1:1]
	for _, name := range strings.Split(names, ",") {
		l, err := find(name)
		if err != nil {
			return nil, err
		}
		if name != list[0].name {
			list = append(list, l)
		}
	}
	return list, nil
}

// A burst is so many messages of a size, sent at once.
type burst struct {
	size, depth, conns int
}

func (b burst) String() string {
	unit := fmt.Sprintf("%d B", b.size)
	switch {
	case b.size >= 1<<20:
		unit = fmt.Sprintf("%d MiB", b.size>>20)
	case b.size >= 1<<10:
		unit = fmt.Sprintf("%d KiB", b.size>>10)
	}
	return fmt.Sprintf("%s x%d", unit, b.depth)
}

var bursts = []burst{
	{64, 16, 8}, {1 << 10, 16, 8}, {64 << 10, 2, 4}, {1 << 20, 1, 2},
}

func chooseBursts(sizes string) ([]burst, error) {
	if sizes == "" {
		return bursts, nil
	}
	var list []burst
	for _, s := range strings.Split(sizes, ",") {
		size, err := strconv.Atoi(s)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(bursts, func(b burst) bool { return b.size == size })
		if i < 0 {
			return nil, fmt.Errorf("no burst of messages of %d bytes", size)
		}
		list = append(list, bursts[i])
	}
	return list, nil
}
