package main

import (
	"crypto/tls"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/ws"
)

// tlsFlags say how a wss server is trusted, and who we are to it.
type tlsFlags struct {
	ws.TLSOptions
}

func (t *tlsFlags) flags(f *pflag.FlagSet) {
	f.BoolVarP(&t.Insecure, "insecure", "k", false, "take any certificate of a wss server")
	f.BoolVar(&t.SkipHostname, "skip-hostname", false, "take a trusted certificate whatever names are in it")
	f.StringVar(&t.ServerName, "server-name", "", "`NAME` to ask for and to verify in TLS")
	f.StringVar(&t.VerifyName, "verify-name", "", "`NAME` to verify in place of the one that is asked for")
	f.StringSliceVar(&t.RootFiles, "ca", nil, "trust the certificates of these PEM `FILES`")
	f.StringVar(&t.CertFile, "cert", "", "client certificate for TLS, a PEM `FILE`")
	f.StringVar(&t.KeyFile, "key", "", "its key, a PEM `FILE`, unless it is in the same file")
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
	config, err := t.Config()
	if err != nil {
		return nil, usagef("%w", err)
	}
	return config, nil
}
