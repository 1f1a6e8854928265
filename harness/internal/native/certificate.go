package native

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/wsconform/wsconform/cases"
)

// certificateLife is how long a certificate made at start is good: longer than
// any run.
const certificateLife = 7 * 24 * time.Hour

// Certificate makes a certificate for loopback addresses and localhost, and
// returns it in PEM too, for clients that are to trust it.
func Certificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "wsconform"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		// The second name is that of the cases with a proxy.
		DNSNames: []string{"localhost", "wsconform.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// tlsNeeds are the needs that the TLS of a run meets. conf is nil without TLS.
func tlsNeeds(conf *tls.Config) []cases.Need {
	if conf == nil {
		return nil
	}
	for _, pair := range conf.Certificates {
		if leaf, err := x509.ParseCertificate(pair.Certificate[0]); err == nil && leaf.IsCA && leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
			return []cases.Need{cases.NeedTLS, cases.NeedAuthority}
		}
	}
	return []cases.Need{cases.NeedTLS}
}

// flawed is a certificate that authority has signed, but for [cases.Untrusted], and in
// which something is wrong. Without the key of an authority nobody trusts any of them.
func flawed(authority tls.Certificate, flaw cases.Certificate) tls.Certificate {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "wsconform"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	switch flaw {
	case cases.Expired:
		template.NotBefore, template.NotAfter = now.Add(-50*time.Minute), now.Add(-10*time.Minute)
	case cases.OtherName:
		template.DNSNames, template.IPAddresses = []string{"other.test"}, nil
	case cases.CommonName:
		template.Subject.CommonName, template.DNSNames, template.IPAddresses = "localhost", nil, nil
	case cases.WildcardName:
		template.DNSNames, template.IPAddresses = []string{"*.localhost"}, nil
	case cases.Untrusted:
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority // never (crypto/rand)
	}
	parent, signer := template, crypto.PrivateKey(key)
	if leaf, err := x509.ParseCertificate(authority.Certificate[0]); err == nil && flaw != cases.Untrusted {
		parent, signer = leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return authority // whose key signs nothing
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
