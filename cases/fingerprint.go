package cases

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Fingerprint is the SHA-256, in hex, of what the cases do and want: runs with the
// same one judged by the same cases. It does not depend on how anything is worded.
func Fingerprint(list []Case) string {
	h := sha256.New()
	for _, c := range list {
		fmt.Fprintf(h, "%s %d %d %#v\n", c.ID, c.Level, c.Load, c.Needs)
		for _, conn := range c.Conns {
			fmt.Fprintf(h, "%#v %#v %#v\n", conn.Head, conn.Ops(), conn.Want)
			if conn.Deflate != nil {
				fmt.Fprintf(h, "%#v\n", *conn.Deflate)
			}
			if conn.TLS != nil {
				fmt.Fprintf(h, "%#v\n", *conn.TLS)
			}
			if conn.URL != "" || conn.Listen != "" {
				fmt.Fprintf(h, "%q %q\n", conn.URL, conn.Listen)
			}
			if conn.Beside || conn.After > 0 {
				fmt.Fprintf(h, "%t %d\n", conn.Beside, conn.After)
			}
		}
		fmt.Fprintf(h, "%#v\n", c.Want)
	}
	return hex.EncodeToString(h.Sum(nil))
}
