// Package token reads header values made of tokens (RFC 7230 §3.2.6).
package token

import "strings"

// IsByte is tchar of RFC 7230 §3.2.6, the same set as token of RFC 2616.
func IsByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// Is reports whether s is a token.
func Is(s string) bool {
	for i := range len(s) {
		if !IsByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// InList reports whether the values of a header, lists of tokens, contain the
// token, in any case.
func InList(values []string, token string) bool {
	for _, t := range Split(values) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// Split returns the elements of a header's comma-separated values without the
// empty ones.
func Split(values []string) (list []string) {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.Trim(t, " \t"); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}
