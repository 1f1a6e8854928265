//go:build !unix

package native

func descriptorLimit() (int, bool) { return 0, false }
