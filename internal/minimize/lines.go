// Package minimize makes the raw script that shows a failure shorter: it leaves steps out and
// plays the rest again, by delta debugging. [Case] does so for a case that a server fails,
// [lines] for any list.
package minimize

// lines returns a shorter list for which shows still holds, in the same order: no line can be
// left out of it alone. shows must hold for the whole list. It gives up, and returns the
// shortest list so far, once more is false.
func lines(list []string, shows func([]string) bool, more func() bool) []string {
	for size := len(list) / 2; size > 0; {
		shorter := false
		for at := 0; at < len(list) && more(); {
			end := min(at+size, len(list))
			rest := append(append([]string{}, list[:at]...), list[end:]...)
			if len(rest) > 0 && shows(rest) {
				list, shorter = rest, true // what follows is at the same place now
			} else {
				at = end
			}
		}
		switch {
		case !more():
			return list
		case size == 1 && !shorter:
			return list
		case size > 1:
			size /= 2
		}
		size = min(size, max(len(list)/2, 1))
	}
	return list
}
