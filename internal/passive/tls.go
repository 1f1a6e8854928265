package passive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// A session decrypts a connection of TLS 1.3, or of TLS 1.2 with an AEAD cipher, with the
// secrets of a key log. Its memory is bounded: records are, and so is what is kept of the
// handshake.
type session struct {
	keys *Keys
	// plain takes what an end has sent, decrypted.
	plain func(by End, p []byte)

	random [32]byte // of the client
	suite  *suite   // of TLS 1.3; nil before the server has chosen
	old    bool     // it is TLS 1.2
	sides  [2]tlsSide
	failed string // why the rest is not decrypted
}

// A tlsSide is what one end sends.
type tlsSide struct {
	in        []byte // records that are not whole
	handshake []byte // messages that are not whole
	secret    []byte
	aead      cipher.AEAD // nil while its records are in plain text
	iv        []byte
	explicit  bool // its records begin with the rest of the nonce
	seq       uint64
	next      *oldKey // of TLS 1.2, from ChangeCipherSpec on
}

// A suite is a cipher suite of TLS 1.3 (RFC 8446 B.4).
type suite struct {
	hash   func() hash.Hash
	keyLen int
	aead   func(key []byte) (cipher.AEAD, error)
}

var suites = map[uint16]*suite{
	0x1301: {sha256.New, 16, gcm},
	0x1302: {sha512.New384, 32, gcm},
	0x1303: {sha256.New, 32, chacha20poly1305.New},
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

const (
	recordHead = 5
	// recordBound is the longest record (RFC 8446 §5.2).
	recordBound = 1<<14 + 256
	// handshakeBound is the most that is kept of the handshake, such as certificates.
	handshakeBound = 1 << 20
	// waitingBound is what is kept of records that come before their keys are known.
	waitingBound = 1 << 20

	changeCipherSpec, tlsAlert, tlsHandshake, applicationData = 20, 21, 22, 23

	clientHello, serverHello, finished, keyUpdate = 1, 2, 20, 24
)

// retryRandom is the random of a server that asks for another ClientHello (RFC 8446 §4.1.3).
var retryRandom = sha256.Sum256([]byte("HelloRetryRequest"))

// take takes bytes that an end has sent.
func (s *session) take(by End, p []byte) {
	if s.failed != "" {
		return
	}
	side := &s.sides[by]
	side.in = append(side.in, p...)
	s.records(by)
	if by == Server { // the client's may have waited for its hello
		s.records(Client)
	}
}

// records looks at the whole records of an end.
func (s *session) records(by End) {
	side := &s.sides[by]
	for s.failed == "" && len(side.in) >= recordHead {
		size := int(binary.BigEndian.Uint16(side.in[3:]))
		if side.in[1] != 3 || size > recordBound {
			s.failed = "what follows is no record of TLS"
			return
		}
		if len(side.in) < recordHead+size {
			return
		}
		head, body := side.in[:recordHead], side.in[recordHead:recordHead+size]
		chosen := s.suite != nil || s.old
		if head[0] == changeCipherSpec && by == Client && !chosen && len(side.in) < waitingBound {
			return // it means something in TLS 1.2 only
		}
		if head[0] == applicationData && side.aead == nil { // the keys come with the other end's hello
			if !chosen && len(side.in) < waitingBound {
				return
			}
			s.failed = "encrypted bytes came before their keys were agreed on"
			return
		}
		s.record(by, head, body)
		side.in = side.in[recordHead+size:]
	}
	if len(side.in) == 0 {
		side.in = nil
	}
}

// record looks at one record.
func (s *session) record(by End, head, body []byte) {
	side := &s.sides[by]
	kind := head[0]
	switch {
	case kind == changeCipherSpec:
		if s.old { // in TLS 1.3 it means nothing (RFC 8446 §5)
			s.change(by)
		}
		return
	case s.old && side.aead != nil:
		plain, err := side.openOld(head, body)
		if err != nil {
			s.failed = undecryptable(by)
			return
		}
		body = plain
	case kind == applicationData:
		plain, err := side.aead.Open(body[:0:0], side.nonce(), body, head)
		side.seq++
		if err != nil {
			s.failed = undecryptable(by)
			return
		}
		for len(plain) > 0 && plain[len(plain)-1] == 0 { // padding (RFC 8446 §5.4)
			plain = plain[:len(plain)-1]
		}
		if len(plain) == 0 {
			s.failed = "a record without a type"
			return
		}
		kind, body = plain[len(plain)-1], plain[:len(plain)-1]
	}
	switch kind {
	case tlsHandshake:
		side.handshake = append(side.handshake, body...)
		s.messages(by)
	case applicationData:
		s.plain(by, body)
	case tlsAlert:
	}
}

// nonce is that of the next record: its number in the last bytes of the initial one
// (RFC 8446 §5.3, RFC 7905 §2).
func (t *tlsSide) nonce() []byte {
	nonce := append([]byte(nil), t.iv...)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(t.seq >> (8 * i))
	}
	return nonce
}

func undecryptable(by End) string {
	return fmt.Sprintf("a record of the %v cannot be decrypted: the key log does not fit, or bytes are missing", by)
}

// messages looks at the whole messages of the handshake.
func (s *session) messages(by End) {
	side := &s.sides[by]
	for s.failed == "" && len(side.handshake) >= 4 {
		size := int(binary.BigEndian.Uint32(side.handshake) & 0xffffff)
		if size > handshakeBound {
			s.failed = "a message of the handshake is too long"
			return
		}
		if len(side.handshake) < 4+size {
			return
		}
		kind, body := side.handshake[0], side.handshake[4:4+size]
		side.handshake = side.handshake[4+size:]
		s.message(by, kind, body)
	}
}

func (s *session) message(by End, kind byte, body []byte) {
	side := &s.sides[by]
	switch {
	case kind == clientHello && by == Client && len(body) >= 34:
		s.random = [32]byte(body[2:34])
	case kind == serverHello && by == Server && s.suite == nil && len(body) >= 38: // of TLS 1.2 there may be another
		s.hello(body)
	case kind == finished && s.suite != nil && side.aead != nil:
		label := "CLIENT_TRAFFIC_SECRET_0"
		if by == Server {
			label = "SERVER_TRAFFIC_SECRET_0"
		}
		s.key(by, s.keys.of(s.random, label))
	case kind == keyUpdate && s.suite != nil && side.aead != nil:
		next, err := s.expand(side.secret, "traffic upd", s.suite.hash().Size())
		if err != nil {
			s.failed = err.Error()
			return
		}
		s.key(by, next)
	}
}

// hello looks at what the server has chosen, and begins to decrypt.
func (s *session) hello(body []byte) {
	if [32]byte(body[2:34]) == retryRandom {
		return
	}
	at := 35 + int(body[34]) // behind the session id
	if len(body) < at+3 {
		s.failed = "the ServerHello is too short"
		return
	}
	id := binary.BigEndian.Uint16(body[at:])
	chosen, ok := suites[id]
	switch {
	case ok:
	case id>>8 == 0x13: // RFC 8446 B.4
		s.failed = fmt.Sprintf("the cipher suite %#04x of TLS 1.3 is not decrypted: AES-GCM and ChaCha20-Poly1305 are", id)
		return
	default:
		s.helloOld(binary.BigEndian.Uint16(body), id, [32]byte(body[2:34]), body[at+2])
		return
	}
	s.suite = chosen
	s.key(Client, s.keys.of(s.random, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"))
	s.key(Server, s.keys.of(s.random, "SERVER_HANDSHAKE_TRAFFIC_SECRET"))
}

// key begins a new key of one end.
func (s *session) key(by End, secret []byte) {
	if s.failed != "" {
		return
	}
	if secret == nil {
		s.failed = noKeys
		return
	}
	side := &s.sides[by]
	key, err := s.expand(secret, "key", s.suite.keyLen)
	if err == nil {
		side.iv, err = s.expand(secret, "iv", 12)
	}
	if err == nil {
		side.aead, err = s.suite.aead(key)
	}
	if err != nil {
		s.failed = err.Error()
		return
	}
	side.secret, side.seq = secret, 0
}

// noKeys says that a key log does not have the secrets of a connection.
const noKeys = "the key log does not have its secrets"

// expand is HKDF-Expand-Label without a context (RFC 8446 §7.1).
func (s *session) expand(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(len(label))), label...)
	return hkdf.Expand(s.suite.hash, secret, string(append(info, 0)), size)
}
