// Command chat passes what each client says on to all of them. It does what gorilla's
// chat example does, with a page of its own.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"

	"github.com/wsconform/wsconform/ws"
)

const page = `<!doctype html><title>chat</title><pre id="log"></pre><form><input autofocus></form><script>
const socket = new WebSocket("ws://" + location.host + "/ws"), input = document.querySelector("input");
const print = text => document.querySelector("#log").append(text + "\n");
socket.onmessage = e => print(e.data);
socket.onclose = () => print("closed");
document.forms[0].onsubmit = () => { if (input.value) socket.send(input.value); input.value = ""; return false; };
</script>`

func routes() http.Handler {
	chat := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{ReadLimit: 512}}}
	chat.Handler = func(ctx context.Context, c *ws.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			// Clients that read too slowly miss messages; the others do not wait for them.
			if _, err := ws.Broadcast(chat.Conns(), m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(page)) })
	mux.Handle("/ws", chat)
	return mux
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	flag.Parse()
	log.Fatal(http.ListenAndServe(*addr, routes()))
}
