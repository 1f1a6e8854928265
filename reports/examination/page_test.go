package examination_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/doctor"
	"github.com/wsconform/wsconform/reports/examination"
)

func TestWritePage(t *testing.T) {
	r := &doctor.Report{
		URL: "wss://example.com/live?token=***", Started: time.Date(2026, 11, 28, 7, 0, 0, 0, time.UTC), Conns: 3,
		Findings: []doctor.Finding{
			{Topic: doctor.TCP, State: doctor.OK, Saw: "192.0.2.1:443 accepts connections"},
			{Topic: doctor.Opening, State: doctor.Fault, Saw: `403 and "<script>alert(1)</script>"`, Advice: "add -H", Rule: "RFC 6455 section 4.1"},
		},
	}
	var page bytes.Buffer
	if err := examination.WritePage(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 fault; no connection opens", "&lt;script&gt;", `<span class="g f">fault</span>`, `<p class="do">add -H</p>`, "RFC 6455 section 4.1", "2026-11-28 07:00 UTC"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(page.String(), "<script") {
		t.Error("a script of the peer is in the page")
	}
}
