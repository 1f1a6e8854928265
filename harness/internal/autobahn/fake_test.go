package autobahn_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/wsconform/wsconform/internal/docker/dockertest"
	"github.com/wsconform/wsconform/ws"
)

// The agents of the tests are this program, started with these arguments.
const (
	serverAgent = "agent-server"
	clientAgent = "agent-client"
)

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == serverAgent:
		serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == clientAgent:
		drive(os.Args[2], os.Args[3])
	default:
		os.Exit(m.Run())
	}
}

// serve accepts connections and does on each what its first line says.
func serve(port string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			os.Exit(2)
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, "hello")
			order, _ := bufio.NewReader(c).ReadString('\n')
			switch order {
			case "die\n":
				fmt.Println("oh no")
				os.Exit(9)
			case "hang\n":
				_, _ = io.Copy(io.Discard, c) // until the peer gives up
			}
		}()
	}
}

// drive runs all cases, up to the one that the order names.
func drive(base, order string) {
	ctx := context.Background()
	ask := func(resource string) string {
		c, err := ws.Dial(ctx, base+resource, nil)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		defer c.CloseNow()
		_, msg, _ := c.Read(ctx)
		_ = c.Discard(ctx)
		return string(msg)
	}
	if order == "idle" {
		fmt.Println("nothing to do")
		os.Exit(0)
	}
	count, _ := strconv.Atoi(ask("/getCaseCount"))
	for n := 1; n <= count; n++ {
		switch order {
		case fmt.Sprintf("die %d", n):
			c, err := ws.Dial(ctx, fmt.Sprintf("%s/runCase?case=%d&agent=tester", base, n), nil)
			if err == nil {
				_, _, _ = c.Read(ctx) // the server has announced the case by now
			}
			fmt.Println("oh no")
			os.Exit(9)
		case fmt.Sprintf("stop %d", n):
			os.Exit(0)
		}
		ask(fmt.Sprintf("/runCase?case=%d&agent=tester", n))
	}
}

// A fake plays the part of the Docker engine, and of Autobahn in its containers.
type fake struct {
	dockertest.API
	orders map[string]string // case: what the agent is told
	late   bool              // a fuzzing server's lines come too late to be heard
	onCase func(id string)   // when a case has begun
	taken  atomic.Bool       // the port of the next fuzzing server is another Autobahn's

	mu    sync.Mutex // guards boxes
	boxes []*box
}

// A box is a container.
type box struct {
	*fake
	command []string
	config  map[string][]byte // files copied in
	logs    *io.PipeWriter
	ended   chan struct{}
	removed chan struct{}

	mu      sync.Mutex                   // guards reports
	reports map[string]map[string][]byte // folder: files
}

func (f *fake) box(id string) *box {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, _ := strconv.Atoi(id)
	return f.boxes[n]
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	f.OnContainerCreate = func(c *container.Config, _ *container.HostConfig) (container.CreateResponse, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		b := &box{fake: f, command: c.Cmd, ended: make(chan struct{}), removed: make(chan struct{}), reports: map[string]map[string][]byte{}}
		f.boxes = append(f.boxes, b)
		return container.CreateResponse{ID: strconv.Itoa(len(f.boxes) - 1)}, nil
	}
	f.OnCopyTo = func(id, _ string, in io.Reader) (err error) {
		f.box(id).config, err = untar(in)
		return err
	}
	f.OnContainerStart = func(string) error { return nil }
	f.OnContainerLogs = func(ctx context.Context, id string, _ container.LogsOptions) (io.ReadCloser, error) {
		b := f.box(id)
		r, w := io.Pipe()
		b.logs = w
		context.AfterFunc(ctx, func() { _ = r.CloseWithError(ctx.Err()) })
		go b.play(t)
		return r, nil
	}
	f.OnContainerInspect = func(string) (container.InspectResponse, error) { return container.InspectResponse{}, nil }
	f.OnContainerWait = func(_ context.Context, id string) (container.WaitResponse, error) {
		<-f.box(id).ended
		return container.WaitResponse{StatusCode: 0}, nil
	}
	f.OnContainerRemove = func(_ context.Context, id string) error {
		close(f.box(id).removed)
		<-f.box(id).ended
		return nil
	}
	f.OnCopyFrom = func(id, folder string) (io.ReadCloser, container.PathStat, error) {
		b := f.box(id)
		b.mu.Lock()
		defer b.mu.Unlock()
		files, ok := b.reports[folder]
		if !ok {
			return nil, container.PathStat{}, dockertest.NotFound(folder)
		}
		return io.NopCloser(packed(path.Base(folder), files)), container.PathStat{Name: path.Base(folder), Mode: fs.ModeDir}, nil
	}
	return f
}

func untar(in io.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	for tr := tar.NewReader(in); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[path.Base(h.Name)], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}

func packed(folder string, files map[string][]byte) io.Reader {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_ = tw.WriteHeader(&tar.Header{Name: folder + "/" + name, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = tw.Write(files[name])
	}
	_ = tw.Close()
	return &buf
}

func (b *box) say(format string, a ...any) {
	_, _ = io.WriteString(b.logs, dockertest.Output(1, fmt.Sprintf(format+"\n", a...)))
}

func (b *box) play(t *testing.T) {
	t.Helper()
	defer close(b.ended)
	defer b.logs.Close()
	if slices.Contains(b.command, "fuzzingserver") {
		b.fuzzingServer(t, b.config["spec.json"])
		return
	}
	b.fuzzingClient(t, b.config["spec.json"])
}

// fuzzingClient plays the cases of a part against the agent, as Autobahn does:
// a case is announced once the handshake is done, a refused connection ends the
// part, and reports are written at its end.
func (b *box) fuzzingClient(t *testing.T, config []byte) {
	t.Helper()
	var spec struct {
		OutDir  string
		Servers []struct{ Agent, URL string }
		Cases   []string
	}
	if err := json.Unmarshal(config, &spec); err != nil {
		t.Error(err)
	}
	done := map[string]outcome{}
	for _, id := range spec.Cases {
		begun := time.Now()
		c, err := net.Dial("tcp", strings.TrimPrefix(spec.Servers[0].URL, "ws://"))
		if err != nil {
			b.say("Connection to %s failed (Connection was refused by other side)", spec.Servers[0].URL)
			break
		}
		verdict := "FAILED"
		if hello, _ := bufio.NewReader(c).ReadString('\n'); hello != "" {
			b.say("Running test case ID %s for agent %s from peer tcp4:x", id, spec.Servers[0].Agent)
			b.begins(id)
			fmt.Fprintf(c, "%s\n", b.orders[id])
			stop := context.AfterFunc(t.Context(), func() { _ = c.Close() })
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				_, _ = io.Copy(io.Discard, c)
			}()
			select {
			case <-gone:
			case <-b.removed:
			}
			stop()
			if b.orders[id] == "" {
				verdict = "OK"
			}
		}
		done[id] = outcome{verdict, begun, time.Now()}
		_ = c.Close()
	}
	b.report(spec.OutDir, spec.Servers[0].Agent, done)
}

func (b *box) begins(id string) {
	if b.onCase != nil {
		b.onCase(id)
	}
}

// fuzzingServer serves the cases until the container is removed.
func (b *box) fuzzingServer(t *testing.T, config []byte) {
	t.Helper()
	var spec struct {
		URL, OutDir string
		Cases       []string
	}
	if err := json.Unmarshal(config, &spec); err != nil {
		t.Error(err)
	}
	u, _ := url.Parse(spec.URL)
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		t.Error(err)
		return
	}
	if b.taken.CompareAndSwap(true, false) {
		b.beaten(t, l, len(spec.Cases))
		return
	}
	var mu sync.Mutex // guards done
	done := map[string]outcome{}
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		resource, _ := url.Parse(c.Handshake().Request.RequestURI)
		switch resource.Path {
		case "/getCaseCount":
			_ = c.Write(ctx, ws.MessageText, []byte(strconv.Itoa(len(spec.Cases))))
		case "/runCase":
			n, _ := strconv.Atoi(resource.Query().Get("case"))
			id := spec.Cases[n-1]
			if !b.late {
				b.say("Running test case ID %s for agent %s from peer tcp4:x", id, "tester")
			}
			begun := time.Now()
			b.begins(id)
			_ = c.Write(ctx, ws.MessageText, nil)
			verdict := "OK"
			if b.orders[id] == "hang" {
				_ = c.Discard(ctx)
				verdict = "FAILED"
			}
			mu.Lock()
			done[id] = outcome{verdict, begun, time.Now()}
			mu.Unlock()
		case "/updateReports":
			mu.Lock()
			b.report(spec.OutDir, "tester", done)
			mu.Unlock()
		default:
			b.say("Entering direct command mode for peer tcp4:x")
		}
		return nil
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	<-b.removed
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = server.Shutdown(now)
	<-served
}

// beaten finds that another Autobahn, with as many cases, listens where this one was to.
func (b *box) beaten(t *testing.T, l net.Listener, count int) {
	t.Helper()
	asked := make(chan struct{}, 1)
	other := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		select {
		case asked <- struct{}{}:
		default:
		}
		return c.Write(ctx, ws.MessageText, []byte(strconv.Itoa(count)))
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = other.Serve(l)
	}()
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = other.Shutdown(now)
		<-served
	})
	select {
	case <-asked:
	case <-b.removed:
	}
	b.say("Couldn't listen on 127.0.0.1: [Errno 98] Address already in use.")
}

// An outcome is a verdict, and when the case began and ended.
type outcome struct {
	verdict    string
	begun, end time.Time
}

func (b *box) report(dir, agent string, done map[string]outcome) {
	if len(done) == 0 {
		return
	}
	files := map[string][]byte{}
	list := map[string]any{}
	for id, o := range done {
		name := "x_case_" + strings.ReplaceAll(id, ".", "_") + ".json"
		list[id] = map[string]any{"behavior": o.verdict, "behaviorClose": "OK", "reportfile": name}
		files[name] = fmt.Appendf(nil, `{"id": %q, "agent": %q, "behavior": %q, "behaviorClose": "OK", "started": %q, "duration": %d, "wasClean": %t}`,
			id, agent, o.verdict, o.begun.UTC().Format("2006-01-02T15:04:05.000Z"), o.end.Sub(o.begun).Milliseconds(), o.verdict == "OK")
	}
	files["index.json"], _ = json.Marshal(map[string]any{agent: list})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports[dir] = files
}

// goesAway has the engine go away once the case has begun in the box.
func (f *fake) goesAway(id, box string) {
	var gone atomic.Bool
	f.OnPing = func() error {
		if gone.Load() {
			return errors.New("connection refused")
		}
		return nil
	}
	f.onCase = func(begun string) {
		if begun == id {
			gone.Store(true)
			_ = f.box(box).logs.CloseWithError(io.ErrUnexpectedEOF)
		}
	}
}
