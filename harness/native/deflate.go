package native

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/corpora"
	"github.com/wsconform/wsconform/ws"
)

// An agreement is what the handshake settled for permessage-deflate, as seen
// from our side. Bits are 8..15.
type agreement struct {
	ourBits, peerBits             uint8
	ourNoTakeover, peerNoTakeover bool
}

// Streams holds what the compression cases of a run share: the corpora, our
// messages as compressed once for each set of parameters, and which of the
// peer's octets are known to inflate to the right text. Safe for concurrent use.
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

// expect announces the cases of a run, so that what they share can go as soon
// as nobody needs it any more.
func (s *Streams) expect(list []cases.Case) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range list {
		if corpus := c.Corpus(); corpus != "" {
			s.pending[corpus]++
		}
	}
}

// finished says that one of the cases announced is through.
func (s *Streams) finished(c cases.Case) {
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
	text []byte
	buf  bytes.Buffer
}

// A compressor is what compress/flate and klauspost's have in common.
type compressor interface {
	io.Writer
	Flush() error
	Reset(io.Writer)
}

// smallMessage is the length below which the standard library compresses: the
// other one stores a flush under 128 octets and loses its history there.
const smallMessage = 512

func newCompressor(w io.Writer, key streamKey) (compressor, error) {
	switch {
	case key.bits < 15:
		return flate.NewWriterWindow(w, 1<<key.bits)
	case key.length < smallMessage:
		return stdflate.NewWriter(w, stdflate.DefaultCompression)
	}
	return flate.NewWriter(w, 3)
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
		s.z, s.text, s.buf = nil, nil, bytes.Buffer{}
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
	s.text = s.corpus.AppendSlice(s.text[:0], i, s.key.length)
	if _, err := s.z.Write(s.text); err != nil {
		return nil, err
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
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// proven remembers the peer's compressed octets that inflated to the right
// text. What message i inflates to depends on its octets and on the text in
// the window before it, which is the same in every case with this key.
type proven struct {
	mu     sync.Mutex
	hashes []uint64
}

// A checker compares the peer's echoes with the messages sent.
type checker struct {
	key    provenKey
	corpus corpora.Corpus
	seed   maphash.Seed
	known  *proven
	plain  map[int]bool // messages that came back uncompressed, so are in no window
	broken bool         // a message ended inside a block: what follows is read as its rest
	text   []byte
	window []byte
	out    [32 << 10]byte
}

// An echoVerdict says what an echo was.
type echoVerdict struct {
	same    bool
	size    int    // of the text, in octets
	badText bool   // not valid UTF-8
	cutText bool   // valid, but it ends inside a code point
	fault   string // it cannot be inflated
	// unfinished says that the octets end inside a block. The original inflates
	// the connection as one stream: it takes the text as it is, and what comes
	// next for the rest of the block.
	unfinished bool
}

func (c *checker) size(i int) int {
	c.text = c.corpus.AppendSlice(c.text[:0], i, c.key.length)
	return len(c.text)
}

// check compares echo i. An echo whose very octets were proven right before,
// in the same state, is not inflated again.
func (c *checker) check(i int, data []byte, compressed bool) echoVerdict {
	size := c.size(i)
	if !compressed {
		if c.plain == nil {
			c.plain = map[int]bool{}
		}
		c.plain[i] = true
		return echoVerdict{same: bytes.Equal(c.text, data), size: len(data), badText: !utf8.Valid(data)}
	}
	if c.broken {
		return rest(data)
	}
	shared := c.plain == nil
	sum := maphash.Bytes(c.seed, data) | 1 // never 0, the mark of no hash
	if shared {
		c.known.mu.Lock()
		same := c.known.hashes[i] == sum
		c.known.mu.Unlock()
		if same {
			return echoVerdict{same: true, size: size}
		}
	}
	v := c.inflate(i, data)
	c.broken = v.unfinished && !c.key.noTakeover
	if v.same && shared && !v.unfinished {
		c.known.mu.Lock()
		c.known.hashes[i] = sum
		c.known.mu.Unlock()
	}
	return v
}

// dictionary rebuilds the peer's window before message i from what it should
// have compressed so far. It stays valid until the next call.
func (c *checker) dictionary(i int) []byte {
	if c.key.noTakeover {
		return nil
	}
	size := 1 << c.key.bits
	first := i
	for n := 0; first > 0 && n < size; {
		first--
		if !c.plain[first] {
			n += c.key.length // characters: at least as many octets
		}
	}
	c.window = c.window[:0]
	for j := first; j < i; j++ {
		if !c.plain[j] {
			c.window = c.corpus.AppendSlice(c.window, j, c.key.length)
		}
	}
	return c.window[max(0, len(c.window)-size):]
}

// behind is the window in the middle of a message, after v.size octets of it.
func (c *checker) behind(dict []byte, v echoVerdict) []byte {
	if !v.same {
		return nil
	}
	window := append(bytes.Clone(dict), c.text[:v.size]...)
	return window[max(0, len(window)-1<<15):]
}

// inflaters are reused: each holds a window of 32 KiB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// tail ends a compressed message (RFC 7692 §7.2.2); the empty final block
// behind it makes the decoder stop.
var tail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

// rest is what comes of a message behind an unfinished one. The octets that are
// missing where a tail was kept, or an octet lost, are those of a stored block's
// length, 00 FF: by a 00 the next message completes it and becomes text of that
// block, which it cannot be; anything else is no length.
func rest(data []byte) echoVerdict {
	if len(data) > 0 && data[0] == 0 {
		return echoVerdict{badText: true}
	}
	return echoVerdict{fault: "an echo cannot be inflated: the one before ended inside a block"}
}

// unfinished reports whether an error of the decoder comes from what we added
// behind n octets of data, other than the tail of the flush.
func unfinished(err error, n int) bool {
	var at flate.CorruptInputError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &at) && int64(at) > int64(n+4)
}

// inflate compares while it inflates.
func (c *checker) inflate(i int, data []byte) echoVerdict {
	dict := c.dictionary(i)
	if c.key.bits < 15 {
		if far := farthest(data); far > 1<<c.key.bits {
			return echoVerdict{fault: fmt.Sprintf("a match reaches back %d octets, beyond the agreed window of %d", far, 1<<c.key.bits)}
		}
	}
	in := bytes.NewReader(append(data[:len(data):len(data)], tail...))
	z := inflaters.Get().(io.ReadCloser) //nolint:errcheck,forcetypeassert // nothing else is put there
	defer inflaters.Put(z)
	if err := z.(flate.Resetter).Reset(in, dict); err != nil {
		return echoVerdict{fault: err.Error()}
	}
	want := c.text
	v := echoVerdict{same: true}
	var text ws.UTF8Validator
	valid := true
	for {
		n, err := z.Read(c.out[:])
		got := c.out[:n]
		v.size += n
		if v.size > messageBound {
			return echoVerdict{fault: "an echo inflates to far more than the message it should repeat"}
		}
		if v.same && (len(want) < n || !bytes.Equal(want[:n], got)) {
			v.same = false
		}
		if valid {
			_, valid = text.Feed(got)
		}
		if v.same {
			want = want[n:]
		}
		if errors.Is(err, io.EOF) {
			if in.Len() == 0 || in.Len() == len(tail) {
				break
			}
			// A block marked as final ends a deflate stream, but not the
			// message (RFC 7692 §7.2.3.4).
			if err := z.(flate.Resetter).Reset(in, c.behind(dict, v)); err != nil {
				return echoVerdict{fault: err.Error()}
			}
			continue
		}
		if v.unfinished = unfinished(err, len(data)); v.unfinished {
			break
		}
		if err != nil {
			return echoVerdict{fault: "an echo cannot be inflated: " + err.Error()}
		}
	}
	v.same = v.same && len(want) == 0
	v.badText, v.cutText = !valid, valid && !text.Complete()
	return v
}
