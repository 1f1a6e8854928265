package native_test

import (
	"net"
	"net/url"
	"testing"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws"
)

// BenchmarkServer plays parts of the catalogue against the reference server in
// this process. For figures of whole processes see the bench target of the
// Makefile.
func BenchmarkServer(b *testing.B) {
	for _, part := range []struct {
		name             string
		include, exclude []string
	}{
		{"light", []string{"*"}, []string{"9.*", "12.*", "13.*", "6.4.*"}},
		{"limits", []string{"9.*"}, nil},
		{"deflate", []string{"12.1.*", "13.1.*", "13.3.*"}, nil},
		{"picture", []string{"12.2.*"}, nil},
	} {
		b.Run(part.name, func(b *testing.B) {
			list, err := pattern.Select(catalogue.All(), part.include, part.exclude)
			if err != nil {
				b.Fatal(err)
			}
			target := serve(b)
			for b.Loop() {
				if _, err := native.TestServer(b.Context(), target, list, native.Options{}, func(r harness.Result) {
					if r.Outcome == harness.Fail {
						b.Errorf("%s: %s", r.Case, r.Reason)
					}
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// serve starts the reference server on a loopback port for as long as b runs.
func serve(b *testing.B) native.Target {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	b.Cleanup(func() {
		l.Close()
		<-done
	})
	return native.Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
}
