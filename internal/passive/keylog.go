package passive

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Keys are the secrets of TLS connections, from a key log (the format of SSLKEYLOGFILE,
// RFC 9850): those of a connection by the random bytes of its client, and each by its
// label. The zero value has none.
type Keys struct {
	secrets map[[32]byte]map[string][]byte
}

// keysBound is how many connections a key log may be about.
const keysBound = 100_000

// Read adds the secrets of a key log. Lines that are none are skipped; the error is that of
// r, or says that no line was a secret.
func (k *Keys) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	found := 0
	for lines.Scan() {
		if k.add(lines.Text()) {
			found++
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the key log: %w", err)
	}
	if found == 0 {
		return fmt.Errorf("it is no key log: no line is a label, a client's random and a secret")
	}
	return nil
}

// add adds the secret of a line.
func (k *Keys) add(line string) bool {
	words := strings.Fields(line)
	if len(words) != 3 || strings.HasPrefix(line, "#") {
		return false
	}
	random, err := hex.DecodeString(words[1])
	secret, err2 := hex.DecodeString(words[2])
	if err != nil || err2 != nil || len(random) != 32 || len(secret) == 0 {
		return false
	}
	if k.secrets == nil {
		k.secrets = map[[32]byte]map[string][]byte{}
	}
	id := [32]byte(random)
	if k.secrets[id] == nil {
		if len(k.secrets) >= keysBound {
			return false
		}
		k.secrets[id] = map[string][]byte{}
	}
	k.secrets[id][words[0]] = secret
	return true
}

// of returns a secret, nil if it is not known.
func (k *Keys) of(random [32]byte, label string) []byte { return k.secrets[random][label] }

// An embedded reader passes a capture on, and takes the key logs out of it that it has in
// blocks of pcapng (decryption secrets, draft-ietf-opsawg-pcapng 4.7).
type embedded struct {
	r    io.Reader
	keys *Keys

	order binary.ByteOrder // nil before the first section
	head  []byte           // of the block under way, up to its type, length and magic
	left  int64            // bytes of it that follow
	block []byte           // of secrets, as far as it has come
	taken bool             // it is a block of secrets
}

const (
	sectionBlock = 0x0a0d0d0a
	secretsBlock = 10
	tlsKeyLog    = 0x544c534b
	// secretsBound is the longest block of secrets that is looked at.
	secretsBound = 16 << 20
)

// Read reads, and looks at what it has read.
func (e *embedded) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.look(p[:n])
	return n, err
}

func (e *embedded) look(p []byte) {
	const headLen = 12
	for len(p) > 0 {
		if e.left == 0 {
			n := min(headLen-len(e.head), len(p))
			e.head, p = append(e.head, p[:n]...), p[n:]
			if len(e.head) == headLen {
				e.begin()
			}
			continue
		}
		n := min(e.left, int64(len(p)))
		if e.taken {
			e.block = append(e.block, p[:n]...)
		}
		p, e.left = p[n:], e.left-n
		if e.left == 0 {
			e.end()
		}
	}
}

// begin begins a block whose first 12 bytes have come.
func (e *embedded) begin() {
	if binary.LittleEndian.Uint32(e.head) == sectionBlock { // the same in both orders
		e.order = binary.LittleEndian
		if binary.BigEndian.Uint32(e.head[8:]) == 0x1a2b3c4d {
			e.order = binary.BigEndian
		}
	}
	if e.order == nil { // it is no pcapng
		e.left = 1 << 62
		return
	}
	length := int64(e.order.Uint32(e.head[4:]))
	e.left = max(length-int64(len(e.head)), 0)
	e.taken = e.order.Uint32(e.head) == secretsBlock && e.order.Uint32(e.head[8:]) == tlsKeyLog && e.left < secretsBound
	if e.left == 0 {
		e.end()
	}
}

// end ends a block: the length of the secrets, these, padding, and the length of the block
// again.
func (e *embedded) end() {
	if n := 4; e.taken && len(e.block) > n {
		size := int(e.order.Uint32(e.block))
		_ = e.keys.Read(strings.NewReader(string(e.block[n:min(n+size, len(e.block))]))) // a log without secrets is none
	}
	e.head, e.block, e.taken = e.head[:0], nil, false
}
