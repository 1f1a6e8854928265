package ws

import (
	"context"
	"net/http"
	"testing"
)

// A user who is in Users is not Check's to judge, whatever the password.
func TestCheckIsForOtherUsers(t *testing.T) {
	a := &BasicAuth{
		Users: map[string]string{"ada": "lovelace"},
		Check: func(_ context.Context, _, password string) bool { return password == "master" },
	}
	for _, test := range []struct {
		user, password string
		want           bool
	}{
		{"ada", "lovelace", true},
		{"ada", "master", false},
		{"bob", "master", true},
		{"bob", "lovelace", false},
	} {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(test.user, test.password)
		if got := a.allow(r); got != test.want {
			t.Errorf("%s:%s: got %t, want %t", test.user, test.password, got, test.want)
		}
	}
}
