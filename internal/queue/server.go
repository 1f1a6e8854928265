package queue

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The users of the server. The token is the password of workers.
const (
	workerUser = "worker"
	driverUser = "driver"
)

// A Server is a NATS server with JetStream inside this program.
type Server struct {
	// URL is what workers connect to. A server that listens on all addresses has one of
	// this machine there.
	URL string
	// Pin is the SHA-256 of the server's certificate, in hex; "" without TLS.
	Pin string

	nats   *server.Server
	secret string // of the driver
	log    *os.File
	broken context.Context // ends when the server cannot store anything more, or stops
	fail   context.CancelCauseFunc
}

// ServerOptions say how a server runs.
type ServerOptions struct {
	Dir    string // of its files; what is there is taken up again
	Listen string // address, such as 127.0.0.1:0
	Token  string // that workers must have
}

// startPatience is how long a server may take to start. It reads its files first.
const startPatience = time.Minute

// maxStore is more than a disk has. By default the server takes three quarters of what is
// free when it starts, and refuses the rest.
const maxStore = 1 << 50

// Start runs a server. On the loopback interface it speaks plain TCP, else TLS with a
// certificate that it makes and keeps in the folder.
func Start(o ServerOptions) (*Server, error) {
	host, port, err := splitAddress(o.Listen)
	if err != nil {
		return nil, err
	}
	if o.Token == "" {
		return nil, errors.New("queue: no token")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(o.Dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	s := &Server{secret: rand.Text(), log: log}
	s.broken, s.fail = context.WithCancelCause(context.Background())
	opts := &server.Options{
		ServerName: "wsconform", Host: host, Port: port, NoSigs: true, JetStream: true, StoreDir: o.Dir, JetStreamMaxStore: maxStore,
		Users: []*server.User{{Username: driverUser, Password: s.secret}, {Username: workerUser, Password: o.Token, Permissions: workerPermissions()}},
	}
	scheme := "nats"
	if !loopback(host) {
		certificate, err := certificate(filepath.Join(o.Dir, "server.pem"))
		if err != nil {
			return nil, errors.Join(err, log.Close())
		}
		scheme, s.Pin = "tls", pinOf(certificate.Certificate[0])
		opts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
		opts.TLSTimeout = 10
	}
	if s.nats, err = server.NewServer(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("queue: %w", err), log.Close())
	}
	s.nats.SetLogger(logger{log, s.fail}, false, false)
	s.nats.Start()
	if !s.ready() {
		s.Stop()
		return nil, fmt.Errorf("queue: the server did not start; %s says why:\n%s", log.Name(), lastLine(log.Name()))
	}
	s.URL = scheme + "://" + net.JoinHostPort(reachable(host), strconv.Itoa(s.nats.Addr().(*net.TCPAddr).Port))
	return s, nil
}

// ready waits until the server takes connections, and reports whether it does. A port in
// use ends the wait at once.
func (s *Server) ready() bool {
	const poll = 100 * time.Millisecond
	for range startPatience / poll {
		if s.nats.ReadyForConnections(poll) {
			return true
		}
		if s.broken.Err() != nil {
			return false
		}
	}
	return false
}

// Stop ends the server. Its files stay.
func (s *Server) Stop() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
	s.fail(nil)
	_ = s.log.Close()
}

// Discard ends the server and removes what it has stored. After a full disk that may be
// damaged; the results that were accepted are elsewhere, and the rest can be played again.
func (s *Server) Discard() error {
	s.Stop()
	return os.RemoveAll(filepath.Join(filepath.Dir(s.log.Name()), "jetstream"))
}

// Linger waits until the workers have seen that the job is over, for a while, or until ctx
// ends.
func (s *Server) Linger(ctx context.Context, most time.Duration) {
	const poll = 10 * time.Millisecond
	for range most / poll {
		if s.nats.NumClients() <= 1 || !pause(ctx, poll) { // one is the driver
			return
		}
	}
}

// Guard returns a context that ends with ctx, or with the reason when the server cannot
// store anything more: its disk is full.
func (s *Server) Guard(ctx context.Context) (guarded context.Context, release func()) {
	guarded, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.broken, func() { cancel(context.Cause(s.broken)) })
	return guarded, func() { stop(); cancel(nil) }
}

// Trouble is what the server itself said last, in a new line; "" if nothing.
func (s *Server) Trouble() string {
	if line := lastLine(s.log.Name()); line != "" {
		return "\nthe server said: " + line
	}
	return ""
}

func splitAddress(address string) (host string, port int, err error) {
	host, name, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("queue: address %q: %w", address, err)
	}
	if port, err = strconv.Atoi(name); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("queue: address %q: the port must be a number", address)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// reachable is an address of this machine for a host that stands for all of them: the
// first one that is not of the loopback interface, of IPv4 if there is one.
func reachable(host string) string {
	if !Everywhere(host) {
		return host
	}
	best := "127.0.0.1"
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String()
		}
		if best == "127.0.0.1" {
			best = n.IP.String()
		}
	}
	return best
}

// Everywhere reports whether a host stands for all addresses of a machine.
func Everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// workerPermissions let a worker take tasks and write attempts and results.
func workerPermissions() *server.Permissions {
	publish := []string{
		presenceSubject, "$JS.API.STREAM.INFO.>",
		"$JS.API.CONSUMER.LIST." + taskStream, "$JS.API.CONSUMER.INFO." + taskStream + ".*", "$JS.API.CONSUMER.MSG.NEXT." + taskStream + ".*",
		"$JS.ACK." + taskStream + ".>", "$JS.ACK.*.*." + taskStream + ".>",
		"$JS.API.DIRECT.GET.KV_" + jobBucket + ".>", "$JS.API.DIRECT.GET.KV_" + attemptBucket + ".>", "$JS.API.DIRECT.GET.KV_" + resultBucket + ".>",
		"$JS.API.DIRECT.GET.OBJ_" + dataBucket + ".>", "$JS.API.STREAM.MSG.GET.OBJ_" + dataBucket,
		"$KV." + attemptBucket + ".>", "$KV." + resultBucket + ".>", "$O." + dataBucket + ".>",
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{workerInbox + ".>"}},
	}
}

// A logger keeps what goes wrong in the server.
type logger struct {
	w    io.Writer
	fail context.CancelCauseFunc // is told when nothing can be stored, or the server cannot start
}

func (l logger) print(kind, format string, v []any) {
	line := fmt.Sprintf(format, v...)
	fmt.Fprintf(l.w, "%s %s: %s\n", time.Now().UTC().Format(time.RFC3339), kind, line)
	if strings.Contains(line, syscall.ENOSPC.Error()) {
		l.fail(fmt.Errorf("queue: the server's disk is full: %w; make room, then start the same command again", syscall.ENOSPC))
	}
}

func (l logger) Noticef(string, ...any)         {}
func (l logger) Debugf(string, ...any)          {}
func (l logger) Tracef(string, ...any)          {}
func (l logger) Warnf(format string, v ...any)  { l.print("warning", format, v) }
func (l logger) Errorf(format string, v ...any) { l.print("error", format, v) }

func (l logger) Fatalf(format string, v ...any) {
	l.print("fatal", format, v)
	l.fail(fmt.Errorf("queue: "+format, v...))
}

// certificate reads the key and the certificate in the file, or makes them.
func certificate(path string) (tls.Certificate, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 { // a full disk leaves an empty file
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			err = fmt.Errorf("queue: %s: %w", path, err)
		}
		return pair, err
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return tls.Certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	// Workers know it by its hash: neither its names nor its times matter.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wsconform queue"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(text, text)
}

func pinOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
