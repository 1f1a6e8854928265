package native

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/corpora"
)

// An agreement is what the handshake settled for permessage-deflate, as seen
// from our side. Bits are 8..15.
type agreement struct {
	ourBits, peerBits             uint8
	ourNoTakeover, peerNoTakeover bool
}

// Streams holds what the compression cases of a run share: the corpora, our
// messages as compressed once for each set of parameters, and which of the
// peer's bytes are known to inflate to the right text. Safe for concurrent use.
type Streams struct {
	originals corpora.Set // Autobahn's own files, where the user has them
	seed      maphash.Seed
	mu        sync.Mutex // guards the maps
	sent      map[streamKey]*stream
	proven    map[provenKey]*proven
	pending   map[string]int // by corpus: cases of the run that are still to use it
}

type streamKey struct {
	corpus     string
	length     int
	bits       uint8
	noTakeover bool
}

type provenKey = streamKey

// NewStreams returns the shared part of a run. Corpora that originals has not
// are ours.
func NewStreams(originals corpora.Set) *Streams {
	return &Streams{originals: originals, seed: maphash.MakeSeed(), sent: map[streamKey]*stream{}, proven: map[provenKey]*proven{}, pending: map[string]int{}}
}

// Expect announces the cases of a run, so that what they share is released after its
// last use.
func (s *Streams) Expect(list []cases.Case) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range list {
		if corpus := c.Corpus(); corpus != "" {
			s.pending[corpus]++
		}
	}
}

// Finished says that one of the cases announced is through.
func (s *Streams) Finished(c cases.Case) {
	corpus := c.Corpus()
	if corpus == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[corpus]--; s.pending[corpus] != 0 {
		return
	}
	for key, st := range s.sent {
		if key.corpus == corpus {
			st.close() //nolint:errcheck // a temporary file
			delete(s.sent, key)
		}
	}
	for key := range s.proven {
		if key.corpus == corpus {
			delete(s.proven, key)
		}
	}
}

// Close removes the temporary files.
func (s *Streams) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.sent {
		errs = append(errs, st.close())
	}
	clear(s.sent)
	return errors.Join(errs...)
}

func (s *Streams) open(l cases.EchoLoop, a agreement) (*stream, error) {
	key := streamKey{l.Corpus, l.Length, a.ourBits, a.ourNoTakeover}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, ok := s.sent[key]; ok {
		return st, nil
	}
	corpus, ok := s.originals[l.Corpus]
	if !ok {
		var err error
		if corpus, err = corpora.Open(l.Corpus); err != nil {
			return nil, err
		}
	}
	st := &stream{key: key, corpus: corpus, count: l.Count}
	s.sent[key] = st
	return st, nil
}

func (s *Streams) checker(l cases.EchoLoop, a agreement) *checker {
	key := provenKey{l.Corpus, l.Length, a.peerBits, a.peerNoTakeover}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.proven[key]
	if !ok {
		known = &proven{hashes: make([]uint64, l.Count)}
		s.proven[key] = known
	}
	return &checker{key: key, corpus: s.sent[streamKey{l.Corpus, l.Length, a.ourBits, a.ourNoTakeover}].corpus, seed: s.seed, known: known}
}

// A stream is what we send in every case with the same corpus, length and
// parameters: the messages are compressed once, when first needed, and kept in
// a temporary file.
type stream struct {
	key    streamKey
	corpus corpora.Corpus
	count  int // of messages

	mu   sync.Mutex // guards the rest
	file *os.File
	ends []int64 // offset in file behind each message
	z    compressor
	buf  bytes.Buffer
}

// A compressor is what compress/flate and klauspost's have in common.
type compressor interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

// smallMessage is the length below which the standard library compresses: the
// other one stores a flush under 128 bytes and loses its history there.
const smallMessage = 512

func newCompressor(w io.Writer, key streamKey) (compressor, error) {
	switch {
	case key.bits < 15:
		return flate.NewWriterWindow(w, 1<<key.bits)
	case key.length < smallMessage:
		return stdflate.NewWriter(w, stdflate.DefaultCompression)
	}
	return flate.NewWriter(w, 1)
}

// message appends message i to dst, compressed, without the tail of the flush
// (RFC 7692 §7.2.1). Messages are first asked for in order.
func (s *stream) message(dst []byte, i int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < len(s.ends) {
		from := int64(0)
		if i > 0 {
			from = s.ends[i-1]
		}
		n := len(dst)
		dst = slices.Grow(dst, int(s.ends[i]-from))[:n+int(s.ends[i]-from)]
		if _, err := s.file.ReadAt(dst[n:], from); err != nil {
			return nil, fmt.Errorf("read back compressed messages: %w", err)
		}
		return dst, nil
	}
	p, err := s.compress(i)
	dst = append(dst, p...)
	if i == s.count-1 { // the file has all: what made it is large, and not needed any more
		s.z, s.buf = nil, bytes.Buffer{}
	}
	return dst, err
}

// compress returns message i, the next one. It is valid until the next call.
func (s *stream) compress(i int) ([]byte, error) {
	s.buf.Reset()
	switch {
	case s.z == nil:
		z, err := newCompressor(&s.buf, s.key)
		if err != nil {
			return nil, fmt.Errorf("compress with a window of %d bits: %w", s.key.bits, err)
		}
		s.z = z
	case s.key.noTakeover:
		s.z.Reset(&s.buf)
	}
	head, tail := s.corpus.Parts(i, s.key.length)
	for _, part := range [][]byte{head, tail} {
		if _, err := s.z.Write(part); err != nil {
			return nil, err
		}
	}
	if err := s.z.Flush(); err != nil {
		return nil, err
	}
	p := bytes.TrimSuffix(s.buf.Bytes(), []byte{0, 0, 0xff, 0xff})
	return p, s.keep(p)
}

// keep adds a message to the file.
func (s *stream) keep(p []byte) error {
	if s.file == nil {
		f, err := os.CreateTemp("", "wsconform-stream-*")
		if err != nil {
			return fmt.Errorf("keep compressed messages: %w", err)
		}
		s.file = f
		_ = os.Remove(f.Name()) // it has no name from here on, where the system allows that
	}
	end := int64(len(p))
	if n := len(s.ends); n > 0 {
		end += s.ends[n-1]
	}
	if _, err := s.file.WriteAt(p, end-int64(len(p))); err != nil {
		return fmt.Errorf("keep compressed messages: %w", err)
	}
	s.ends = append(s.ends, end)
	return nil
}

func (s *stream) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
