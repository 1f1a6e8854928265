//go:build !linux

package agent

func workers([]int, []string) map[int]string { return nil }
