package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/spf13/pflag"
)

// tlsFlags say how a wss server is trusted, and who we are to it.
type tlsFlags struct {
	insecure   bool
	serverName string
	ca         string
	cert, key  string
}

func (t *tlsFlags) flags(f *pflag.FlagSet) {
	f.BoolVarP(&t.insecure, "insecure", "k", false, "take any certificate of a wss server")
	f.StringVar(&t.serverName, "server-name", "", "`NAME` to ask for and to verify in TLS")
	f.StringVar(&t.ca, "ca", "", "trust the certificates of this PEM `FILE`")
	f.StringVar(&t.cert, "cert", "", "client certificate for TLS, a PEM `FILE`")
	f.StringVar(&t.key, "key", "", "its key, a PEM `FILE`")
}

func (t *tlsFlags) config() (*tls.Config, error) {
	conf := &tls.Config{ServerName: t.serverName, InsecureSkipVerify: t.insecure}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, usagef("--ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--ca %s: there is no certificate in it", t.ca)
		}
	}
	if t.cert != "" || t.key != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, usagef("--cert and --key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
