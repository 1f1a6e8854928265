package main

import (
	"crypto/tls"

	"github.com/spf13/pflag"
)

// tlsFlags say how a wss server is trusted, and who we are to it.
type tlsFlags struct {
	tlsOptions
}

func (t *tlsFlags) flags(f *pflag.FlagSet) {
	f.BoolVarP(&t.Insecure, "insecure", "k", false, "accept any certificate of a wss server")
	f.BoolVar(&t.SkipHostname, "skip-hostname", false, "accept a trusted certificate for any host name")
	f.StringVar(&t.ServerName, "server-name", "", "server `NAME` to send and verify in TLS")
	f.StringVar(&t.VerifyName, "verify-name", "", "`NAME` to verify, if it differs from the one sent")
	f.StringSliceVar(&t.RootFiles, "ca", nil, "trust the certificates in these PEM `FILES`")
	f.StringVar(&t.CertFile, "cert", "", "TLS certificate, a PEM `FILE`")
	f.StringVar(&t.KeyFile, "key", "", "key of the TLS certificate, a PEM `FILE`, unless it is in the same file")
}

// given names a flag that was given, "" if none was.
func (t *tlsFlags) given() string {
	switch {
	case t.Insecure:
		return "insecure"
	case t.SkipHostname:
		return "skip-hostname"
	case t.ServerName != "":
		return "server-name"
	case t.VerifyName != "":
		return "verify-name"
	case len(t.RootFiles) > 0:
		return "ca"
	case t.CertFile != "":
		return "cert"
	case t.KeyFile != "":
		return "key"
	}
	return ""
}

func (t *tlsFlags) config() (*tls.Config, error) {
	config, err := t.tlsOptions.config()
	if err != nil {
		return nil, usagef("%w", err)
	}
	return config, nil
}
