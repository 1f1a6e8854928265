// Command rates answers questions in JSON under a subprotocol, from browsers of two
// origins, and has a client that asks. It does what coder's README shows with wsjson.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/wsconform/wsconform/ws"
)

type question struct{ From, To string }

type answer struct {
	Rate  float64 `json:"rate"`
	Error string  `json:"error,omitempty"`
}

var rates = map[question]float64{{"EUR", "USD"}: 1.10, {"USD", "EUR"}: 0.91}

func serve(w http.ResponseWriter, r *http.Request) {
	c, err := ws.Accept(w, r, &ws.AcceptOptions{
		Subprotocols: []string{"rates"}, Origins: []string{"https://example.com", "https://*.example.com"},
	})
	if err != nil {
		return // the client has its answer
	}
	defer c.CloseNow()
	for {
		var q question
		if err := c.ReadJSON(r.Context(), &q); err != nil {
			_ = c.Close(ws.StatusUnsupportedData, "not JSON") // if it is open still
			return
		}
		a := answer{Rate: rates[q]}
		if a.Rate == 0 {
			a.Error = fmt.Sprintf("no rate from %s to %s", q.From, q.To)
		}
		if err := c.WriteJSON(r.Context(), a); err != nil {
			return
		}
	}
}

func ask(ctx context.Context, url string, q question) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := ws.Dial(ctx, url, &ws.DialOptions{Subprotocols: []string{"rates"}})
	if err != nil {
		return a, err
	}
	defer func() { _ = c.Close(ws.StatusNormalClosure, "") }() // the answer is what counts
	if err := c.WriteJSON(ctx, q); err != nil {
		return a, err
	}
	return a, c.ReadJSON(ctx, &a)
}

func main() {
	if len(os.Args) == 4 {
		a, err := ask(context.Background(), os.Args[1], question{os.Args[2], os.Args[3]})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(a.Rate, a.Error)
		return
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", http.HandlerFunc(serve)))
}
