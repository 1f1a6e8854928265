package runfile

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// Writer returns a writer that masks the secrets in each line on its way to w.
// Its Close writes a last line without an end, and closes w.
func (s *Secrets) Writer(w io.WriteCloser) io.WriteCloser {
	if s == nil {
		return w
	}
	return &maskingWriter{secrets: s, w: w}
}

// longestLine bounds what a maskingWriter holds back.
const longestLine = 64 << 10

type maskingWriter struct {
	secrets *Secrets

	mu   sync.Mutex // guards what follows
	w    io.WriteCloser
	line []byte // that has not ended yet
}

func (m *maskingWriter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.line = append(m.line, p...)
	end := bytes.LastIndexByte(m.line, '\n') + 1
	if end == 0 && len(m.line) > longestLine {
		end = len(m.line)
	}
	if err := m.flush(end); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes the first n bytes held back.
func (m *maskingWriter) flush(n int) error {
	if n == 0 {
		return nil
	}
	_, err := io.WriteString(m.w, m.secrets.Text(string(m.line[:n])))
	m.line = append(m.line[:0], m.line[n:]...)
	return err
}

func (m *maskingWriter) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.flush(len(m.line)), m.w.Close())
}
