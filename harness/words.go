package harness

import "strconv"

// Count writes a number with its noun, "1 case" or "2 cases". The noun takes a plain
// s.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// CountHave is Count as the subject of a sentence, "1 case has" or "2 cases have".
func CountHave(n int, noun string) string {
	if n == 1 {
		return Count(n, noun) + " has"
	}
	return Count(n, noun) + " have"
}
