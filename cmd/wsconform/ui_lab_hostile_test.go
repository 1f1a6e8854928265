package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// What a peer sends to the lab is text in the page, and does not hold it up: markup in the
// head, in 10 MB of a frame, and in thousands of small ones.
func TestUILabHostile(t *testing.T) {
	const script = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`
	huge := []byte(strings.Repeat(script, 10<<20/len(script)))
	frame := func(p []byte) []byte {
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(len(p))), p...)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		r := bufio.NewReader(nc)
		q, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, err = io.WriteString(nc, "HTTP/1.1 101 "+script+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-"+script+": "+strings.Repeat(script, 400)+
			"\r\nSec-WebSocket-Accept: "+wsproto.AcceptKey(q.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		if err != nil {
			return
		}
		if _, err := nc.Write(frame(huge)); err != nil {
			return
		}
		for range 5000 {
			if _, err := nc.Write(frame([]byte(script))); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-served
	})
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Fragment: "#/lab", Ready: "textarea.script"})
	begun := time.Now()
	p.Eval(t, `{
  document.querySelector("form.where").elements.value.value = `+strconv.Quote("ws://"+l.Addr().String())+`;
  document.querySelector("textarea.script").value = "# `+"<img src=x onerror=window.pwned=1>"+`\ntext hi\nawait end 20s\n";
  document.querySelector("button.main").click();
}`, nil)
	p.Await(t, `document.querySelector(".answer .log")`)
	p.Check(t, "What happened", "<img src=x", "more event")
	if took := time.Since(begun); took > 40*time.Second {
		t.Errorf("the page took %v", took)
	}
	var pwned bool
	p.Eval(t, `Boolean(window.pwned) || document.images.length > 0`, &pwned)
	if pwned {
		t.Error("what a peer sent has become markup")
	}
}
