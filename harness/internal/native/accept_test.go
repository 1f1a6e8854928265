package native

import (
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/harness"
)

// poor is a listener that has no file descriptor for connections until it is given some.
type poor struct {
	mu     sync.Mutex // guards the rest
	rich   bool
	closed chan struct{}
}

func (l *poor) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	l.mu.Lock()
	rich := l.rich
	l.mu.Unlock()
	if !rich {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *poor) Addr() net.Addr { return &net.TCPAddr{} }

func (l *poor) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

// An endpoint of a run that cannot accept connections gives up after a while, and says that
// it is our fault. One that serves for ever goes on.
func TestAcceptWithoutDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		e := &Endpoint{patience: acceptPatience}
		err := e.Serve(t.Context(), &poor{closed: make(chan struct{})})
		if !harness.OutOfResources(err) {
			t.Errorf("got error %v, want one that says what we ran out of", err)
		}
		if took := time.Since(begun); took < acceptPatience || took > acceptPatience+2*maxAcceptPause {
			t.Errorf("gave up after %v, want about %v", took, acceptPatience)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := &poor{closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- (&Endpoint{}).Serve(t.Context(), l) }()
		time.Sleep(time.Hour) // of the bubble's time
		select {
		case err := <-served:
			t.Errorf("an endpoint without a bound: got %v after an hour, want it to go on", err)
		default:
		}
		l.Close()
		<-served
	})
}
