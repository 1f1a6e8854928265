package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxAddrs is how many addresses of a name are tried, half of each family.
const maxAddrs = 4

// reach gets to the server: name, TCP, TLS. It reports whether there is something to
// talk to.
func (e *examination) reach(ctx context.Context) bool {
	if e.opts.Proxy != nil {
		return e.through(ctx) && (e.target.URL.Scheme == "ws" || e.tls(ctx))
	}
	addrs, ok := e.resolve(ctx)
	if !ok || !e.tcp(ctx, addrs) {
		return false
	}
	return e.target.URL.Scheme == "ws" || e.tls(ctx)
}

// resolve looks the host up.
func (e *examination) resolve(ctx context.Context) ([]netip.Addr, bool) {
	host := e.target.URL.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, true
	}
	ctx, cancel := context.WithTimeout(ctx, 2*probeBound)
	defer cancel()
	start := time.Now()
	resolver := e.opts.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		saw := fmt.Sprintf("%s has no address: %v", host, err)
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			saw = host + " is not known to the name service"
		}
		e.found(Finding{Topic: Names, State: Fault, Saw: saw, Advice: "check the spelling, and which name service this machine uses"})
		return nil, false
	}
	var v4, v6 []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	e.found(Finding{Topic: Names, State: OK, Saw: fmt.Sprintf("%s has %s, looked up in %v", host, addressCount(len(v4), len(v6)), time.Since(start).Round(time.Millisecond))})
	return append(v6[:min(len(v6), maxAddrs/2)], v4[:min(len(v4), maxAddrs/2)]...), true
}

// addressCount says how many addresses of each family there are.
func addressCount(v4, v6 int) string {
	var parts []string
	for _, f := range []struct {
		n    int
		name string
	}{{v4, "IPv4"}, {v6, "IPv6"}} {
		switch {
		case f.n == 1:
			parts = append(parts, "one "+f.name+" address")
		case f.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s addresses", f.n, f.name))
		}
	}
	return strings.Join(parts, " and ")
}

// tcp connects to each address, and keeps the first that answers for the rest.
func (e *examination) tcp(ctx context.Context, addrs []netip.Addr) bool {
	errs, took := make([]error, len(addrs)), make([]time.Duration, len(addrs))
	var wg sync.WaitGroup
	for i, a := range addrs {
		wg.Go(func() {
			start := time.Now()
			nc, err := e.dial(ctx, e.hostPort(a.String()))
			if errs[i], took[i] = err, time.Since(start); err == nil {
				nc.Close()
			}
		})
	}
	wg.Wait()
	works := map[bool]int{} // by whether the address is one of IPv6
	for i, a := range addrs {
		addr := e.hostPort(a.String())
		if errs[i] != nil {
			continue
		}
		works[a.Is6()]++
		if e.addr == "" {
			e.addr = addr
			e.found(Finding{Topic: TCP, State: OK, Saw: fmt.Sprintf("%s accepts connections, after %v", addr, took[i].Round(100*time.Microsecond))})
		}
	}
	for i, a := range addrs {
		if errs[i] == nil {
			continue
		}
		f := Finding{Topic: TCP, State: Warning, Saw: fmt.Sprintf("%s: %s", e.hostPort(a.String()), dialError(errs[i]))}
		f.Advice = "clients that try this address first wait, or fail: let the server listen there, or take the address out of the name"
		if len(works) == 0 {
			f.State, f.Advice = Fault, "is the server running, on this port, and does a firewall let you through?"
		}
		e.found(f)
	}
	if named := len(e.findings[Names]) > 0; named && works[true] > 0 && works[false] == 0 {
		advice := "clients in a network with IPv4 only cannot reach it: have it listen on IPv4 too"
		e.found(Finding{Topic: TCP, State: Warning, Saw: "only IPv6 works", Advice: advice})
	}
	return e.addr != ""
}

// dialError says why there is no connection, without the address.
func dialError(err error) string {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return fmt.Sprintf("no answer within %v", probeBound)
	}
	if sys, ok := errors.AsType[syscall.Errno](err); ok {
		return sys.Error()
	}
	return err.Error()
}

// tlsConfig is that of the target, with a certificate of any kind: what is wrong with it
// is a finding already.
func (e *examination) tlsConfig(protocols ...string) *tls.Config {
	conf := e.target.TLS.Clone()
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName = e.target.URL.Hostname()
	}
	conf.NextProtos = protocols
	conf.InsecureSkipVerify, conf.VerifyConnection = true, nil
	return conf
}

// tls makes a TLS connection as a browser would, and looks at the certificate.
func (e *examination) tls(ctx context.Context) bool {
	nc, err := e.dial(ctx, e.addr)
	if err != nil {
		e.found(Finding{Topic: TLS, State: Fault, Saw: "no further connection: " + dialError(err)})
		return false
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*probeBound)
	defer cancel()
	tc := tls.Client(nc, e.tlsConfig("h2", "http/1.1"))
	if err := tc.HandshakeContext(ctx); err != nil {
		f := Finding{Topic: TLS, State: Fault, Saw: "there is no TLS: " + err.Error()}
		if errors.Is(err, context.DeadlineExceeded) {
			f.Saw = fmt.Sprintf("it takes connections and answers no TLS handshake within %v", 2*probeBound)
			f.Advice = "is this the port of the server, and does it speak TLS?"
		}
		if d, _ := e.target.DiagnoseOpening(ctx); d != nil {
			f.Saw, f.Advice = d.Saw, d.Advice
		}
		e.found(f)
		return false
	}
	state := tc.ConnectionState()
	e.agreed = state.NegotiatedProtocol
	alpn := "no protocol chosen by ALPN"
	if e.agreed != "" {
		alpn = "ALPN chooses " + e.agreed
	}
	e.found(Finding{Topic: TLS, State: OK, Saw: fmt.Sprintf("%s, %s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), alpn)})
	e.certificate(state)
	return true
}

// certificate says what is wrong with the server's certificate, and when it ends.
func (e *examination) certificate(state tls.ConnectionState) {
	leaf := state.PeerCertificates[0]
	conf := e.tlsConfig()
	options := x509.VerifyOptions{Roots: conf.RootCAs, DNSName: conf.ServerName, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(options)
	ends := leaf.NotAfter.Format(time.DateOnly)
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
	)
	f := Finding{Topic: TLS, State: Fault, Saw: "the certificate is not accepted"}
	switch {
	case err == nil && time.Until(leaf.NotAfter) < 14*24*time.Hour:
		f = Finding{Topic: TLS, State: Warning, Saw: "the certificate ends on " + ends, Advice: "renew it"}
	case err == nil:
		f = Finding{Topic: TLS, State: OK, Saw: fmt.Sprintf("the certificate is for %s and ends on %s", conf.ServerName, ends)}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(leaf.NotBefore):
		f.Saw, f.Advice = "the certificate is not valid before "+leaf.NotBefore.Format(time.DateTime)+" UTC", "wait, or set the clocks right"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Saw, f.Advice = "the certificate has expired, on "+ends, "renew it; no browser connects until then"
	case errors.As(err, &name):
		f.Saw = fmt.Sprintf("the certificate is for %s, not for %s", certificateNames(leaf), conf.ServerName)
		f.Advice = "use a name that is in it, or get one for this name"
	case errors.As(err, &unknown):
		f.Saw, f.Advice = "nobody whom this machine trusts has signed the certificate", "name the authority with --ca FILE; a server must also send the certificates between its own and the authority's"
	default:
		f.Saw += ": " + err.Error()
	}
	if f.State == Fault {
		e.pagesFail("do not accept the certificate")
	}
	e.found(f)
}

// certificateNames lists what a certificate is for, in short.
func certificateNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
