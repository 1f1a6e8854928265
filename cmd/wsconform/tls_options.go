package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsOptions makes a [tls.Config] for a client from files and from wishes that
// take more than a field of it. The zero value asks for what crypto/tls does on
// its own.
type tlsOptions struct {
	// RootFiles are PEM files with the certificates to trust. None means those of
	// the system.
	RootFiles []string
	// CertFile and KeyFile are PEM files with the client's certificate chain and
	// key. KeyFile may be empty if the key is in CertFile. Both empty mean no
	// certificate.
	CertFile, KeyFile string
	// ServerName is sent as SNI (RFC 6066 §3) and verified. Empty means the host of
	// the URL.
	ServerName string
	// VerifyName is verified in place of the name that is sent.
	VerifyName string
	// SkipHostname takes a trusted certificate whatever names are in it.
	SkipHostname bool
	// Insecure takes any certificate.
	Insecure bool
}

// config reads the files.
func (o tlsOptions) config() (*tls.Config, error) {
	if o.VerifyName != "" && (o.SkipHostname || o.Insecure) {
		return nil, errors.New("TLS: a name to verify, and not to verify it")
	}
	config := &tls.Config{ServerName: o.ServerName, InsecureSkipVerify: o.Insecure}
	for _, file := range o.RootFiles {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("TLS roots: %w", err)
		}
		if config.RootCAs == nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("TLS roots: no certificate in %s", file)
		}
	}
	if o.CertFile != "" || o.KeyFile != "" {
		key := o.KeyFile
		if key == "" {
			key = o.CertFile
		}
		pair, err := tls.LoadX509KeyPair(o.CertFile, key)
		if err != nil {
			return nil, fmt.Errorf("TLS client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if o.SkipHostname || o.VerifyName != "" {
		// crypto/tls verifies the chain and the name it sent, or neither: so neither,
		// and the chain, with the name that is wanted, here.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return verifyChain(state, config.RootCAs, o.VerifyName)
		}
	}
	return config, nil
}

// verifyChain is what crypto/tls does for a client. An empty name is not verified.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool, name string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("server sent no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, DNSName: name,
	})
	return err
}
