package runfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Resume opens the file of a run that did not end, to add the cases of
// [Run.Missing], or no more than its footer if none is missing. The header says
// what would be run now. Its catalogue, engine and agent must be those of the file,
// as must be what is asked of the agent (--no-echo, --declare), and the file of the current [SchemaVersion], since a file has one version;
// else the file is left alone and the error is a [MergeError]. It is a [BusyError]
// if another process is writing the file. The footer and a last line that was cut
// off are removed from the file; what was written before stays as it is.
func Resume(path string, h Header) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("run file: %w", err)
	}
	w, err := resume(f, h)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func resume(f *os.File, h Header) (*Writer, error) {
	if err := claim(f); err != nil {
		return nil, err
	}
	run, err := Read(f)
	if err != nil {
		return nil, err
	}
	secrets := h.Masking()
	h = secrets.header(h)
	h.Shard = run.Header.Shard // what was to be run is the file's to say
	differ := differences([]*Run{run, {Header: h}})
	if run.Header.Schema != SchemaVersion {
		differ = append([]string{fmt.Sprintf("the file has version %d, and this wsconform writes version %d", run.Header.Schema, SchemaVersion)}, differ...)
	}
	if differ = append(differ, asked(run.Header, h)...); len(differ) > 0 {
		return nil, fmt.Errorf("resume %s: %w", f.Name(), &MergeError{differ: differ})
	}
	w := &Writer{
		path: f.Name(), file: f, w: f, begun: time.Now().Add(-run.Duration()), tally: run.tally(),
		header: run.Header, secrets: secrets, earlier: run,
	}
	if _, err = f.Seek(0, io.SeekStart); err != nil {
		return nil, w.wrap("", err)
	}
	end, err := resultsEnd(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, w.wrap("", err)
	}
	run.Footer = nil
	return w, nil
}

// resultsEnd returns the offset behind the last line that is the header or a
// case and is whole.
func resultsEnd(r io.Reader) (int64, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	var end, at int64
	for {
		line, err := readLine(br, nil)
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		at += int64(len(line)) + 1
		var k struct {
			Kind string `json:"kind"`
		}
		if len(bytes.TrimSpace(line)) > 0 && json.Unmarshal(line, &k) == nil && (k.Kind == kindHeader || k.Kind == kindCase) {
			end = at
		}
	}
}

// Settings of a run that say which cases can be played.
const (
	SettingNoEcho  = "noEcho"  // true with --no-echo
	SettingHTTP2   = "http2"   // true with --http2: each connection is a stream of HTTP/2
	SettingHTTP3   = "http3"   // the same with --http3
	SettingDeclare = "declare" // the needs that were declared, with commas between them
)

// asked says in words how a run and its resumption differ in what is asked of the peer.
// A run in which that changes would have cases that were not played for no reason of
// the peer's.
func asked(was, now Header) (differ []string) {
	for _, one := range []struct{ setting, flag string }{{SettingNoEcho, "--no-echo"}, {SettingHTTP2, "--http2"}, {SettingHTTP3, "--http3"}} {
		before, _ := was.Settings[one.setting].(bool)
		after, _ := now.Settings[one.setting].(bool)
		switch {
		case before && !after:
			differ = append(differ, "it was started with "+one.flag)
		case after && !before:
			differ = append(differ, "it was started without "+one.flag)
		}
	}
	declared, _ := was.Settings[SettingDeclare].(string)
	declares, _ := now.Settings[SettingDeclare].(string)
	switch {
	case declared == declares:
	case declared == "":
		differ = append(differ, fmt.Sprintf("it was started with nothing declared, now %s is", declares))
	case declares == "":
		differ = append(differ, fmt.Sprintf("it was started with %s declared, now nothing is", declared))
	default:
		differ = append(differ, fmt.Sprintf("it was started with %s declared, now %s is", declared, declares))
	}
	return differ
}
