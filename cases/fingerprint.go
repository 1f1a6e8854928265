package cases

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
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
			if conn.Proxy != "" {
				fmt.Fprintf(h, "%q %#v\n", conn.Proxy, conn.Tunnel)
			}
			if conn.Serial {
				fmt.Fprintln(h, "serial")
			}
			if conn.Again > 0 {
				fmt.Fprintf(h, "again %d\n", conn.Again)
			}
			if conn.Crowd > 0 {
				fmt.Fprintf(h, "%d\n", conn.Crowd)
			}
			if conn.HTTP2 != nil {
				fmt.Fprintf(h, "%#v\n", *conn.HTTP2)
			}
			if conn.HTTP3 {
				fmt.Fprintln(h, "HTTP/3")
			}
			if conn.Beside || conn.After > 0 {
				fmt.Fprintf(h, "%t %d\n", conn.Beside, conn.After)
			}
		}
		fmt.Fprintf(h, "%#v\n", c.Want)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// GoString writes the payload for a fingerprint: a long unit by its hash, since bytes
// written one by one take seconds.
func (p Payload) GoString() string {
	const long = 4 << 10
	if len(p.Unit) > long {
		return fmt.Sprintf("cases.Payload{Unit:%x, Len:%d}", sha256.Sum256(p.Unit), p.Len)
	}
	return fmt.Sprintf("cases.Payload{Unit:%s, Len:%d}", strings.Replace(fmt.Sprintf("%#v", p.Unit), "[]byte", "[]uint8", 1), p.Len)
}
