package runfile_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
)

func TestSecretsText(t *testing.T) {
	told := runfile.NewSecrets("wss://alice:pa%24%24word@host/chat?token=tok-123456&room=lobby77",
		http.Header{"X-Custom": {"custom-value"}, "Authorization": {"Bearer bearer-value"}, "X-Short": {"ab"}, "Proxy-Authorization": {"Basic dTpiYXNpYy1wYXNz"}})
	byForm := new(runfile.Secrets)
	for _, row := range []struct {
		secrets  *runfile.Secrets
		in, want string
	}{
		{byForm, "ws://127.0.0.1:9001/chat", "ws://127.0.0.1:9001/chat"},
		{byForm, "dial ws://user:secret@host/x: refused", "dial ws://***@host/x: refused"},
		{byForm, "ws://user@host/", "ws://***@host/"},
		{byForm, "wss://host/?token=abc&x=1#f", "wss://host/?token=***&x=***#f"},
		{byForm, "wss://host/p?bare", "wss://host/p?***"},
		{byForm, "GET /p?key=abc HTTP/1.1\r\nHost: h\r\n\r\n", "GET /p?key=*** HTTP/1.1\r\nHost: h\r\n\r\n"},
		{byForm, "GET /runCase?case=7&agent=me/1.0 HTTP/1.1", "GET /runCase?case=7&agent=me/1.0 HTTP/1.1"},
		{byForm, "GET /updateReports?agent=me&shutdownOnComplete=true HTTP/1.1", "GET /updateReports?agent=me&shutdownOnComplete=true HTTP/1.1"},
		{byForm, "GET /getCaseInfo?case=7&casetuple=1.1.1 HTTP/1.1", "GET /getCaseInfo?case=7&casetuple=1.1.1 HTTP/1.1"},
		{byForm, "./server --api-key abc --credentials def", "./server --api-key *** --credentials ***"},
		{byForm, "GET /runCase?case=7&agent=me&sid=abc HTTP/1.1", "GET /runCase?case=7&agent=me&sid=*** HTTP/1.1"},
		{byForm, "HTTP/1.1 302 Found\r\nLocation: /login?next=%2F&sid=abc\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /login?next=***&sid=***\r\n\r\n"},
		{byForm, "Host: h\r\nAuthorization: Basic abc=\r\nX: y\r\n", "Host: h\r\nAuthorization: ***\r\nX: y\r\n"},
		{byForm, "proxy-authorization:Basic abc\r\ncookie: a=b; c=d\r\nSet-Cookie: s=1; Path=/\r\n", "proxy-authorization:***\r\ncookie: ***\r\nSet-Cookie: ***\r\n"},
		{byForm, "Authorization: Digest user=\"u\", response=\"abc\"\r\nX: y\r\n", "Authorization: ***\r\nX: y\r\n"},
		{byForm, "-H 'Cookie: a=b' -H 'X: y'", "-H 'Cookie: ***' -H 'X: y'"},
		{byForm, `sh -c "curl -H 'Authorization: Bearer x' --token abc"`, `sh -c "curl -H 'Authorization: ***' --token ***"`},
		{byForm, "API_TOKEN=abc ./server --password=xyz", "API_TOKEN=*** ./server --password=***"},
		{byForm, `the driver ["./s" "--token" "abc" "--port" "1"] failed`, `the driver ["./s" "--token" "***" "--port" "1"] failed`},
		{byForm, "./s --user ada:lovelace -u 'a:b' --proxy-user=c:d --user ada", "./s --user ada:*** -u 'a:***' --proxy-user=c:*** --user ada"},
		{byForm, "the token eyJhbGciOi.eyJzdWIi.c2ln is bad", "the token *** is bad"},
		{byForm, "the server answered \"403 Forbidden\", not 101", "the server answered \"403 Forbidden\", not 101"},
		{byForm, "Sec-WebSocket-Key: abcdef==\r\n", "Sec-WebSocket-Key: abcdef==\r\n"},
		{byForm, "does it work? yes", "does it work? yes"},
		{told, "no user with pa$$word, tok-123456 or lobby77", "no user with ***, *** or ***"},
		{told, "YWxpY2U6cGEkJHdvcmQ=", "***"},
		{told, "X-Custom: other\r\nx-short: ab\r\n", "X-Custom: ***\r\nx-short: ***\r\n"},
		{told, "custom-value and bearer-value", "*** and ***"},
		{told, "u has the password basic-pass", "u has the password ***"},
		{told, "a table", "a table"},
		{nil, "ws://user:secret@host/?token=abc", "ws://user:secret@host/?token=abc"},
	} {
		got := row.secrets.Text(row.in)
		if got != row.want {
			t.Errorf("Text(%q)\n got %q\nwant %q", row.in, got, row.want)
		}
		if again := row.secrets.Text(got); again != got {
			t.Errorf("Text(%q) once more is %q", got, again)
		}
	}
	got := told.Command([]string{"./s", "--api-key", "abc", "--port", "1", "--token=x", "ws://u:p@h/", "-u", "a:b:c", "-u", "a"})
	if want := []string{"./s", "--api-key", "***", "--port", "1", "--token=***", "ws://***@h/", "-u", "a:***", "-u", "a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Command: %q, want %q", got, want)
	}
}

// sow writes a secret of its own into every field that could hold one, and returns
// them all.
func sow(v reflect.Value, path string, sown map[string]string) {
	secret := func() string {
		s := fmt.Sprintf("secret-%d-", len(sown))
		sown[s] = path
		return s
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		sow(v.Elem(), path, sown)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			switch {
			case !f.IsExported(), f.Type == reflect.TypeFor[*harness.Implementation](): // public facts
			case strings.HasSuffix(path, "Log") && f.Name == "Mask", strings.HasSuffix(f.Name, "SHA256"): // hex
			case (strings.HasSuffix(path, ".More") || strings.HasSuffix(path, ".Streams")) && (f.Name == "More" || f.Name == "Streams"): // has none
			default:
				sow(v.Field(i), path+"."+f.Name, sown)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("x" + secret() + "y"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		sow(v.Index(0), path, sown)
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(secret())
		}
	}
}

// Whatever field a secret comes back in, it is not in the file. A new field that can
// hold one has to be masked too.
func TestNoFieldLeaks(t *testing.T) {
	sown := map[string]string{}
	h := header("1.1.1")
	sow(reflect.ValueOf(&h.Agent), "Agent", sown)
	var r harness.Result
	sow(reflect.ValueOf(&r), "Result", sown)
	r.Case, r.Outcome, r.Behavior, r.Close = "1.1.1", harness.Fail, cases.Failed, cases.CloseOK
	secret := func(path string) string {
		s := fmt.Sprintf("secret-%d-", len(sown))
		sown[s] = path
		return s
	}
	h.Agent.URL = "ws://127.0.0.1/?q=" + secret("URL")
	failure := fmt.Errorf("it said %s", secret("Footer.Error"))
	h.Added = http.Header{}
	for s := range sown {
		h.Added.Add("X-Secret", s)
	}
	if len(sown) < 15 {
		t.Fatalf("only %d secrets were sown: %v", len(sown), sown)
	}
	file := record(t, h, []harness.Result{r}, 0, failure)
	for s, path := range sown {
		if bytes.Contains(file, []byte(s)) {
			t.Errorf("%s is in the file as it was in %s", s, path)
		}
	}
	h.Secrets = runfile.SecretsShown
	file = record(t, h, []harness.Result{r}, 0, failure)
	for s, path := range sown {
		if path != "Agent.URL" && !bytes.Contains(file, []byte(s)) {
			t.Errorf("to be shown, but %s of %s is missing", s, path)
		}
	}
}

// Run files of earlier versions hold secrets. What is read of them does not.
func TestOldFilesAreMasked(t *testing.T) {
	const old = `{"kind":"header","schema":1,"tool":"t","engine":{"name":"native"},"agent":{"name":"x","role":"server","url":"ws://u:hidden-1@h/?t=hidden-2"},"selection":{"cases":["*"],"selected":["5.14"],"catalogue":""},"started":"2026-01-02T03:04:05Z","host":{"os":"linux","arch":"amd64","cpus":2,"go":"go1.26"}}
{"kind":"case","case":"5.14","outcome":"pass","behavior":"OK","close":"OK","reason":"hidden-1","closeReason":"","duration":1,"transcript":{"role":"server","opened":true,"request":"GET /?t=hidden-2 HTTP/1.1\r\nAuthorization: hidden-3\r\n\r\n","duration":1,"closedByUs":true,"failedByUs":false,"droppedByUs":false,"clean":true}}
{"kind":"footer","state":"invalid","counts":{"pass":1},"duration":1,"error":"ws://u:hidden-1@h"}
`
	run, err := runfile.Read(strings.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v %+v %+v %+v", run.Header, run.Results, *run.Results[0].Transcript, *run.Footer)
	if strings.Contains(got, "hidden") {
		t.Errorf("it reads as %s", got)
	}
	shown := strings.Replace(old, `"schema":1,`, `"schema":1,"secrets":"shown",`, 1)
	if run, err = runfile.Read(strings.NewReader(shown)); err != nil || !strings.Contains(run.Header.Agent.URL, "hidden-1") {
		t.Errorf("%v, %v; want the secrets, as the file says that they are shown", run, err)
	}
}

type closer struct{ bytes.Buffer }

func (*closer) Close() error { return nil }

// A secret is masked even if it is written in pieces.
func TestSecretsWriter(t *testing.T) {
	var out closer
	w := runfile.NewSecrets("ws://u:password-1@h/", nil).Writer(&out)
	for _, piece := range []string{"GET /?tok", "en=abc HT", "TP/1.1\npass", "word-1", "\nlast pass", "word-1"} {
		if _, err := io.WriteString(w, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "GET /?token=*** HTTP/1.1\n***\nlast ***"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of secrets that begin alike the longest is masked as a whole.
// What the script of a user's case sends as a credential is masked wherever it comes back.
func TestSecretsOfScripts(t *testing.T) {
	h := runfile.Header{UserCases: []usercase.Spec{{Script: "start GET /chat?token=query-1234 HTTP/1.1\nset Authorization: Bearer bearer-5678\nadd Cookie: sid=cookie-1234; b=second-5678\n" +
		"line X-Api-Key: key-123456\nset X-Other: other-1234\ntext text-1234\n"}}}
	got := h.Masking().Text("query-1234 bearer-5678 Bearer cookie-1234 second-5678 key-123456 other-1234 text-1234")
	if want := "*** *** Bearer *** *** *** other-1234 text-1234"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h.Secrets = runfile.SecretsShown
	if got := h.Masking().Text("bearer-5678"); got != "bearer-5678" {
		t.Errorf("shown: got %q", got)
	}
}

func TestSecretsThatBeginAlike(t *testing.T) {
	s := runfile.NewSecrets("", http.Header{"X-A": {"hunter"}, "X-B": {"hunter2-and-more"}, "X-C": {"hunter2"}})
	for in, want := range map[string]string{
		"it was hunter2-and-more": "it was ***", "it was hunter2!": "it was ***!", "it was hunter": "it was ***",
	} {
		if got := s.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
