package ws

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// BasicAuth asks for user and password in the handshake (RFC 7617); a request
// without the right ones gets status 401. Who it was, the request of [Conn.Handshake]
// says, by [http.Request.BasicAuth]. Both travel in the clear unless TLS
// hides them. Browsers do not send them with a WebSocket unless the page had asked
// for them.
type BasicAuth struct {
	// Realm names what is protected. Empty means "websocket".
	Realm string
	// Users are the passwords by user name. How long a comparison takes does not
	// tell what was wrong.
	Users map[string]string
	// Check decides about users that are not in Users. It gets the context of the
	// handshake. Nil means that they may not.
	Check func(ctx context.Context, user, password string) bool
}

// valid reports what the scheme cannot express (RFC 7617 §2).
func (a *BasicAuth) valid() error {
	if strings.ContainsFunc(a.Realm, isControl) {
		return fmt.Errorf("control character in realm %q", a.Realm)
	}
	if len(a.Users) == 0 && a.Check == nil {
		return errors.New("BasicAuth has neither Users nor Check, so it admits no one")
	}
	for user, password := range a.Users {
		if strings.ContainsFunc(user, isControl) || strings.Contains(user, ":") {
			return fmt.Errorf("user %q has a colon or a control character", user)
		}
		if strings.ContainsFunc(password, isControl) {
			return fmt.Errorf("the password of user %q has a control character", user)
		}
	}
	return nil
}

// allow reports whether the request has a user who may, and the password.
func (a *BasicAuth) allow(r *http.Request) bool {
	if len(r.Header["Authorization"]) != 1 {
		return false
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	want, known := a.Users[user]
	right := sha256.Sum256([]byte(want))
	given := sha256.Sum256([]byte(password))
	ok = subtle.ConstantTimeCompare(right[:], given[:]) == 1
	if known {
		return ok
	}
	return a.Check != nil && a.Check(r.Context(), user, password)
}

func (a *BasicAuth) challenge() string {
	realm := a.Realm
	if realm == "" {
		realm = "websocket"
	}
	return `Basic realm="` + quoteReplacer.Replace(realm) + `", charset="UTF-8"`
}

// quoteReplacer makes the inside of a quoted-string (RFC 9110 §5.6.4).
var quoteReplacer = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
