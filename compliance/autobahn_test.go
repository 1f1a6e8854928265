package compliance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws"
)

// The Autobahn catalogue, but for what moves megabytes: its sections 12 and 13,
// and most of section 9.
var (
	sections = []string{"1", "2", "3", "4", "5", "6", "7", "9", "10"}
	lightOf9 = []string{"9.1.1", "9.2.1", "9.5.6", "9.7.2", "9.8.2"}
)

func light(section string) []cases.Case {
	return slices.DeleteFunc(catalogue.All(), func(c cases.Case) bool {
		return c.ID.Section() != section || c.Heavy() && !slices.Contains(lightOf9, string(c.ID))
	})
}

var _ = Describe("Autobahn testsuite", func() {
	eachRole(func(r role) {
		for _, section := range sections {
			// A section is played at once, for its waits to overlap.
			Context("section "+section, Label("autobahn:"+section), Ordered, ContinueOnFailure, func() {
				list := light(section)
				results := map[cases.ID]harness.Result{}
				BeforeAll(func(ctx SpecContext) {
					play := playServer
					if r == client {
						play = playClient
					}
					for _, result := range play(ctx, list) {
						results[result.Case] = result
					}
				}, NodeTimeout(12*step))

				DescribeTable("passes", func(c cases.Case) {
					result, played := results[c.ID]
					Expect(played).To(BeTrue(), "was played")
					AddReportEntry("transcript", written{result.Transcript}, ReportEntryVisibilityFailureOrVerbose)
					Expect(result.Behavior).To(BeElementOf(cases.OK, cases.Informational), "%s; %s", c.Expect, result.Note)
					Expect(result.Close).To(BeElementOf(cases.CloseOK, cases.CloseInformational), "%s; %s", c.Expect, result.Note)
				}, entriesOf(list))
			})
		}
	})
})

func entriesOf(list []cases.Case) (entries []TableEntry) {
	for _, c := range list {
		var labels Labels
		for _, section := range c.RFC {
			labels = append(labels, sectionOf(section))
		}
		entries = append(entries, Entry(fmt.Sprintf("%s %s", c.ID, c.Title), c, labels))
	}
	return entries
}

// sectionOf makes a label of a section as package cases writes it.
func sectionOf(section string) string {
	return "rfc" + strings.Replace(strings.TrimPrefix(section, "RFC "), " ", "-", 1)
}

// playServer plays the cases against an echo server.
func playServer(ctx context.Context, list []cases.Case) (results []harness.Result) {
	GinkgoHelper()
	l := listen(ctx)
	var s ws.Server
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	target := engine.Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
	_, err := engine.TestServer(ctx, target, list, engine.Options{}, func(r harness.Result) {
		results = append(results, r)
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(s.Shutdown(ctx)).To(Succeed())
	Expect(<-served).To(MatchError(http.ErrServerClosed))
	return results
}

// playClient plays the cases against echo clients.
func playClient(ctx context.Context, list []cases.Case) (results []harness.Result) {
	GinkgoHelper()
	l := listen(ctx)
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed []cases.Case
	endpoint := engine.Endpoint{List: list, Result: func(_ string, r harness.Result) {
		results = append(results, r)
		if c, ok := catalogue.Find(r.Case); ok && r.Outcome == harness.Fail {
			failed = append(failed, c)
		}
	}}
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(serving, l) }()

	play := func(n int) {
		c, err := ws.Dial(ctx, fmt.Sprintf("ws://%s/runCase?case=%d&agent=ws", l.Addr(), n), nil)
		if err == nil {
			_ = ws.Echo(ctx, c) // how it ended is for the endpoint to judge
			_ = c.CloseNow()
		}
	}
	var wg sync.WaitGroup
	numbers := make(chan int)
	for range 4 {
		wg.Go(func() {
			for n := range numbers {
				play(n)
			}
		})
	}
	for i := range list {
		numbers <- i + 1
	}
	close(numbers)
	wg.Wait()
	// A result is there once its connection has ended, which it does by itself.
	Eventually(ctx, func() bool { return endpointDone(ctx, l.Addr(), list) }).WithTimeout(step).Should(BeTrue())
	cancel()
	Expect(<-served).To(Succeed())
	if len(list) > 1 {
		// The cases allow for a second, which may pass on a machine that is busy. As
		// TestServer does, see whether they fail alone too.
		for _, c := range failed {
			results = append(results, playClient(ctx, []cases.Case{c})...)
		}
	}
	return results
}

// endpointDone asks for the status of each case, which the endpoint answers when
// it has the result.
func endpointDone(ctx context.Context, addr net.Addr, list []cases.Case) bool {
	for n := range list {
		c, err := ws.Dial(ctx, fmt.Sprintf("ws://%s/getCaseStatus?case=%d&agent=ws", addr, n+1), nil)
		if err != nil {
			return false
		}
		_, _, err = c.Read(ctx)
		_ = c.Discard(ctx) // the endpoint closes
		if err != nil {
			return false
		}
	}
	return true
}

func listen(ctx context.Context) net.Listener {
	GinkgoHelper()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	return l
}

// A written transcript becomes text only where a failure shows it.
type written struct{ *transcript.Transcript }

func (t written) String() string {
	text, err := json.MarshalIndent(t.Transcript, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
