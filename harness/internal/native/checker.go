package native

import (
	"hash/maphash"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/corpora"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// proven remembers the peer's compressed bytes that inflated to the right
// text. What message i inflates to depends on its bytes and on the text in
// the window before it, which is the same in every case with this key.
type proven struct {
	mu     sync.Mutex
	hashes []uint64
}

func (p *proven) is(i int, sum uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hashes[i] == sum
}

func (p *proven) note(i int, sum uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hashes[i] = sum
}

// A checker compares the peer's echoes with the messages sent.
type checker struct {
	key    provenKey
	corpus corpora.Corpus
	seed   maphash.Seed
	known  *proven
	plain  map[int]bool // messages that came back uncompressed, so are in no window
	broken bool         // a message ended inside a block: what follows is read as its rest

	z     wsproto.Inflater
	ready bool // z was reset
	next  int  // the message that z is ready for
}

// An echoVerdict says what an echo was.
type echoVerdict struct {
	same    bool
	size    int    // of the text, in bytes
	badText bool   // not valid UTF-8
	cutText bool   // valid, but it ends inside a code point
	fault   string // it cannot be inflated
	differs *transcript.Difference
}

func (c *checker) size(i int) int {
	head, tail := c.corpus.Parts(i, c.key.length)
	return len(head) + len(tail)
}

// check compares echo i, a text message or a binary one. An echo whose very
// bytes were proven right before, in the same state, is not inflated again.
func (c *checker) check(i int, data []byte, compressed, text bool) echoVerdict {
	e := expect(c.corpus, i, c.key.length, text)
	if !compressed {
		if c.plain == nil {
			c.plain = map[int]bool{}
		}
		c.plain[i] = true
		if c.next == i {
			c.next++
		}
		e.take(data)
		v := e.verdict()
		v.badText, v.cutText = v.badText || v.cutText, false
		return v
	}
	sum := maphash.Bytes(c.seed, data) | 1 // never 0, the mark of no hash
	shared := c.plain == nil && !c.broken && c.corpus.Text == text
	if shared && c.known.is(i, sum) {
		return echoVerdict{same: true, size: c.size(i)}
	}
	v := c.inflate(i, data, e)
	if v.same && shared && !c.broken {
		c.known.note(i, sum)
	}
	return v
}

// inflate compares while it inflates. The original inflates the connection as
// one stream: where a message ends inside a block it takes the text as it is,
// and what comes next for the rest of the block.
func (c *checker) inflate(i int, data []byte, e *expectation) echoVerdict {
	if c.key.noTakeover || !c.ready || c.next != i && !c.broken {
		c.z.Reset(1<<c.key.bits, c.dictionary(i))
	}
	c.ready, c.next = true, i+1
	if err := c.z.Inflate(data, e.take); err != nil {
		return echoVerdict{fault: "an echo cannot be inflated: " + err.Error()}
	}
	complete, err := c.z.InflateTail(e.take)
	if err != nil {
		return echoVerdict{fault: "an echo cannot be inflated: " + err.Error()}
	}
	if e.size > messageBound {
		return echoVerdict{fault: "an echo inflates to far more than the message it should repeat"}
	}
	c.broken = !complete && !c.key.noTakeover
	return e.verdict()
}

// dictionary rebuilds the peer's window before message i from what it should
// have compressed so far.
func (c *checker) dictionary(i int) []byte {
	if c.key.noTakeover {
		return nil
	}
	size := 1 << c.key.bits
	first := i
	for n := 0; first > 0 && n < size; {
		first--
		if !c.plain[first] {
			n += c.key.length // characters: at least as many bytes
		}
	}
	var window []byte
	for j := first; j < i; j++ {
		if !c.plain[j] {
			head, tail := c.corpus.Parts(j, c.key.length)
			window = append(append(window, head...), tail...)
		}
	}
	return window
}

// An expectation is compared with a message that comes in pieces.
type expectation struct {
	comparison
	known bool // the text is valid UTF-8
	text  bool // the message is one of text
	size  int  // of what came
	utf8  wsproto.UTF8Validator
	bad   bool // not valid UTF-8
}

func expect(corpus corpora.Corpus, i, length int, text bool) *expectation {
	head, tail := corpus.Parts(i, length)
	ours := sentMessage{!corpus.Text, []cases.Payload{cases.Data(head), cases.Data(tail)}}
	return &expectation{comparison: comparison{ours: ours}, known: corpus.Text, text: text}
}

// take compares a piece. It is false when far too much has come.
func (e *expectation) take(piece []byte) bool {
	same := e.hash == nil
	e.comparison.take(piece)
	if same && e.hash != nil {
		e.validate(e.size)
	}
	e.size += len(piece)
	if e.hash != nil && e.text && !e.bad {
		_, ok := e.utf8.Feed(piece)
		e.bad = !ok
	}
	return e.size <= messageBound
}

// validate makes up for n bytes that were the right ones, and so not looked at.
func (e *expectation) validate(n int) {
	for _, want := range e.ours.parts {
		k := min(n, want.Len)
		if e.text && !e.bad {
			_, ok := e.utf8.Feed(want.Unit[:k])
			e.bad = !ok
		}
		n -= k
	}
}

// verdict is due when all has come.
func (e *expectation) verdict() echoVerdict {
	whole := e.hash == nil && e.size == e.ours.size()
	if e.hash == nil && !(whole && e.known) {
		e.validate(e.size)
	}
	var differs *transcript.Difference
	if !whole {
		differs = e.difference(!e.text, e.size)
	}
	return echoVerdict{
		same: whole, size: e.size, differs: differs,
		badText: e.bad, cutText: e.text && !e.bad && !e.utf8.Complete(),
	}
}
