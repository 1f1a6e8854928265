package passive

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// What is different in TLS 1.2 (RFC 5246): the key log has the master secret of a
// connection, all its keys come from that, and ChangeCipherSpec begins to use them. The
// master secret is the same thing whether it is an extended one (RFC 7627) or not.

// An oldSuite is a cipher suite of TLS 1.2 with authenticated encryption.
type oldSuite struct {
	suite
	ivLen int // the part of the nonce that comes from the master secret
}

// oldSuites are those of RFC 5288, 5289, 5487 and 8442 with AES in GCM, and of RFC 7905.
var oldSuites = func() map[uint16]*oldSuite {
	all := map[uint16]*oldSuite{}
	for _, family := range []struct {
		s   oldSuite
		ids []uint16
	}{
		{oldSuite{suite{sha256.New, 16, gcm}, 4}, []uint16{0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a8, 0x00aa, 0x00ac, 0xc02b, 0xc02d, 0xc02f, 0xc031, 0xd001}},
		{oldSuite{suite{sha512.New384, 32, gcm}, 4}, []uint16{0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a9, 0x00ab, 0x00ad, 0xc02c, 0xc02e, 0xc030, 0xc032, 0xd002}},
		{oldSuite{suite{sha256.New, 32, chacha20poly1305.New}, chacha20poly1305.NonceSize}, []uint16{0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae}},
	} {
		for _, id := range family.ids {
			all[id] = &family.s
		}
	}
	return all
}()

// An oldKey is what an end encrypts with once it has sent ChangeCipherSpec.
type oldKey struct {
	suite   *oldSuite
	key, iv []byte
}

// masterLen is how long a master secret is (RFC 5246 §8.1).
const masterLen = 48

// helloOld looks at what a server has chosen that does not speak TLS 1.3, or something that
// is not known here.
func (s *session) helloOld(version, id uint16, random [32]byte, compression byte) {
	chosen, ok := oldSuites[id]
	switch {
	case version != tls.VersionTLS12:
		s.failed = fmt.Sprintf("%s is not decrypted: TLS 1.2 and TLS 1.3 are", tls.VersionName(version))
		return
	case !ok:
		s.failed = fmt.Sprintf("%s of TLS 1.2 is not decrypted: the suites with AES-GCM and ChaCha20-Poly1305 are, those with CBC are not", tls.CipherSuiteName(id))
		return
	case compression != 0:
		s.failed = "it is compressed by TLS, which is not undone here"
		return
	}
	master := s.keys.of(s.random, "CLIENT_RANDOM")
	if len(master) != masterLen {
		s.failed = noKeys
		return
	}
	s.old = true
	block := expandOld(chosen.hash, master, "key expansion", slices.Concat(random[:], s.random[:]), 2*chosen.keyLen+2*chosen.ivLen)
	for by := range s.sides { // RFC 5246 §6.3, without keys for a MAC
		at := by * chosen.keyLen
		iv := 2*chosen.keyLen + by*chosen.ivLen
		s.sides[by].next = &oldKey{chosen, block[at : at+chosen.keyLen], block[iv : iv+chosen.ivLen]}
	}
}

// change begins to use the keys of one end (RFC 5246 §7.1).
func (s *session) change(by End) {
	side := &s.sides[by]
	if side.next == nil {
		s.failed = fmt.Sprintf("the %v changes its keys without a handshake", by)
		return
	}
	aead, err := side.next.suite.aead(side.next.key)
	if err != nil {
		s.failed = err.Error()
		return
	}
	side.aead, side.iv, side.seq = aead, side.next.iv, 0
	side.explicit = len(side.iv) < aead.NonceSize()
	side.next = nil
}

// openOld decrypts the next record of TLS 1.2 (RFC 5246 §6.2.3.3).
func (t *tlsSide) openOld(head, body []byte) ([]byte, error) {
	var nonce []byte
	if t.explicit { // RFC 5288 §3
		n := t.aead.NonceSize() - len(t.iv)
		if len(body) < n {
			return nil, errors.New("the record is too short")
		}
		nonce, body = slices.Concat(t.iv, body[:n]), body[n:]
	} else {
		nonce = t.nonce()
	}
	extra := binary.BigEndian.AppendUint64(nil, t.seq)
	extra = append(extra, head[:3]...)
	extra = binary.BigEndian.AppendUint16(extra, uint16(max(len(body)-t.aead.Overhead(), 0)))
	t.seq++
	return t.aead.Open(body[:0:0], nonce, body, extra)
}

// expandOld is the pseudorandom function of TLS 1.2 (RFC 5246 §5).
func expandOld(h func() hash.Hash, secret []byte, label string, seed []byte, size int) []byte {
	seed = slices.Concat([]byte(label), seed)
	var out []byte
	for a := seed; len(out) < size; {
		a = mac(h, secret, a)
		out = append(out, mac(h, secret, a, seed)...)
	}
	return out[:size]
}

func mac(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}
