package runfile

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Masked stands for a secret in everything that is written.
const Masked = "***"

// What [Header.Secrets] says.
const (
	SecretsMasked = "masked"
	SecretsShown  = "shown"
)

// Secrets replaces secrets with [Masked]: user and password in URLs, the values in
// their queries, the fields that carry credentials (Authorization, Cookie and
// the like), the values of the fields that the user added, and arguments such as
// --token. A value that it was told of is replaced wherever it comes back, such as
// in the answer of a server that quotes it.
//
// The zero value knows no values and masks by form alone. A nil *Secrets masks
// nothing. Masking text twice changes nothing more.
type Secrets struct {
	values *strings.Replacer // nil if none are known
	list   []string          // the same values, longest first
	fields *regexp.Regexp    // lines of the fields added; nil if there are none
}

// NewSecrets returns what masks the secrets of a run: those in the URL of the
// server, which may be empty or malformed, and the values of the fields that the
// user added to the handshake, whatever their names.
func NewSecrets(rawURL string, added http.Header) *Secrets {
	s := &Secrets{}
	s.ofURL(rawURL)
	var names []string
	for name, values := range added {
		names = append(names, regexp.QuoteMeta(name))
		for _, v := range values {
			s.ofField(v)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		s.fields = regexp.MustCompile(`(?im)^((?:` + strings.Join(names, "|") + `)[ \t]*:[ \t]*)([^\r\n]+)`)
	}
	s.index()
	return s
}

// ofField learns the value of a field, and its parts: those of a cookie, the token behind a
// scheme.
func (s *Secrets) ofField(v string) {
	s.know(v)
	s.ofBasic(v)
	for _, word := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ;,", r) }) {
		s.know(word)
		if _, value, ok := strings.Cut(word, "="); ok {
			s.know(value)
		}
	}
}

// ofScript learns what the script of a user's case sends as a credential.
func (s *Secrets) ofScript(script string) {
	for _, m := range credential().FindAllStringSubmatch(script, -1) {
		s.ofField(m[2])
	}
	for _, m := range wholeQuery().FindAllStringSubmatch(script, -1) {
		s.ofQuery(m[2])
	}
}

// ofURL learns the secrets of a URL, as they are written in it and decoded.
func (s *Secrets) ofURL(raw string) {
	u, err := url.Parse(raw)
	if err != nil {
		return
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.know(password)
		s.know(url.QueryEscape(password))
		s.know(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)))
		if _, written, ok := strings.Cut(u.User.String(), ":"); ok {
			s.know(written)
		}
	}
	s.ofQuery(u.RawQuery)
}

// ofQuery learns the values of a query, as they are written and decoded.
func (s *Secrets) ofQuery(raw string) {
	for pair := range strings.FieldsFuncSeq(raw, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok:
			value = name // the query is a bare token
		case harmless[name]:
			continue
		}
		s.know(value)
		if decoded, err := url.QueryUnescape(value); err == nil {
			s.know(decoded)
		}
	}
}

// ofBasic learns the password of credentials for Basic authentication (RFC 7617 §2).
func (s *Secrets) ofBasic(v string) {
	scheme, word, _ := strings.Cut(v, " ")
	if !strings.EqualFold(scheme, "basic") {
		return
	}
	if pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(word)); err == nil {
		_, password, _ := strings.Cut(string(pair), ":")
		s.know(password)
	}
}

// shortest is the length of the shortest value that is looked for anywhere. One
// that is shorter would be found in innocent words.
const shortest = 6

func (s *Secrets) know(value string) {
	if value = strings.TrimSpace(value); len(value) >= shortest && !slices.Contains(s.list, value) && !schemes[strings.ToLower(value)] {
		s.list = append(s.list, value)
	}
}

// schemes of authentication are long enough to be taken for secrets.
var schemes = map[string]bool{"bearer": true, "digest": true, "negotiate": true}

func (s *Secrets) index() {
	if len(s.list) == 0 {
		return
	}
	slices.SortFunc(s.list, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(s.list))
	for _, value := range s.list {
		pairs = append(pairs, value, Masked)
	}
	s.values = strings.NewReplacer(pairs...)
}

// harmless are the parameters of Autobahn's driver protocol, and so no secrets.
var harmless = map[string]bool{"case": true, "agent": true, "casetuple": true, "shutdownOnComplete": true}

// lazy compiles a regular expression when it is first needed: together they would take
// a good part of the time and memory of a command that masks nothing.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// What secrets look like. Each pattern has what stays in its first group, and the
// secret in its second.
var (
	userinfo   = lazy(`([a-zA-Z][a-zA-Z0-9+.-]*://)([^\s/?#"'<>@]+)@`)
	wholeQuery = lazy(`((?:[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?#"'<>]*|\b[A-Z]+ /[^\s?#"]*)\?)([^\s#"'<>]+)`)
	parameter  = lazy(`([?&])([A-Za-z0-9_.~%\[\]-]+=[^\s&"'#<>]*)`)
	ownLine    = lazy(`(?im)^([ \t]*(?:(?:proxy-)?authorization|(?:set-)?cookie|x-(?:api-key|auth-token|access-token|csrf-token))[ \t]*:[ \t]*)([^\r\n]+)`)
	credential = lazy(`(?i)\b((?:proxy-)?authorization[ \t]*:[ \t]*|(?:set-)?cookie[ \t]*:[ \t]*|x-(?:api-key|auth-token|access-token|csrf-token)[ \t]*:[ \t]*)([^\r\n"']+)`)
	option     = lazy(`(?i)((?:^|[\s'"])--?[a-z0-9-]*(?:token|password|passwd|secret|api-?key|credentials?)['"]?[ =]+['"]?)([^\s'"]+)`)
	login      = lazy(`((?:^|[\s'"])(?:-u|--(?:proxy-)?user)['"]?[ =]+['"]?[^\s:'"]+:)([^\s'"]+)`)
	variable   = lazy(`(?i)(\b[a-z0-9_]*(?:token|password|passwd|secret|api_?key)=)([^\s&'"]+)`)
	webToken   = lazy(`()(\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)`) // RFC 7519

	secretOption = lazy(`(?i)^--?[a-z0-9-]*(?:token|password|passwd|secret|api-?key|credentials?)$`)
	loginOption  = lazy(`^(?:-u|--(?:proxy-)?user)$`)
)

// Text masks the secrets in a text: a URL, the head of a handshake, a command, a
// message about one of them.
func (s *Secrets) Text(text string) string {
	if s == nil || text == "" {
		return text
	}
	if s.values != nil {
		text = s.values.Replace(text)
	}
	if s.fields != nil {
		text = s.fields.ReplaceAllString(text, "${1}"+Masked)
	}
	// The patterns are slow, and most texts have nothing that they could match.
	if strings.Contains(text, "://") {
		text = userinfo().ReplaceAllString(text, "${1}"+Masked+"@")
	}
	if strings.Contains(text, "?") {
		text = wholeQuery().ReplaceAllStringFunc(text, maskQuery)
		text = parameter().ReplaceAllStringFunc(text, func(m string) string { return m[:1] + maskPairs(m[1:]) })
	}
	lower := strings.ToLower(text)
	if containsAny(lower, "authorization", "cookie", "x-") {
		text = ownLine().ReplaceAllString(text, "${1}"+Masked)
		text = credential().ReplaceAllString(text, "${1}"+Masked)
	}
	if strings.Contains(text, "-u") {
		text = login().ReplaceAllString(text, "${1}"+Masked)
	}
	if containsAny(lower, "token", "passw", "secret", "api", "credential") {
		text = option().ReplaceAllString(text, "${1}"+Masked)
		text = variable().ReplaceAllString(text, "${1}"+Masked)
	}
	if strings.Contains(text, "eyJ") {
		text = webToken().ReplaceAllString(text, "${1}"+Masked)
	}
	return text
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// maskQuery masks what stands behind the question mark.
func maskQuery(m string) string {
	before, query, _ := strings.Cut(m, "?")
	query, colon := strings.CutSuffix(query, ":") // of the sentence around it
	after := ""
	if colon {
		after = ":"
	}
	return before + "?" + maskPairs(query) + after
}

// maskPairs masks the values of a query and keeps their names.
func maskPairs(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, ok := strings.Cut(pair, "=")
		switch {
		case !ok && pair != "":
			pairs[i] = Masked
		case ok && !harmless[name]:
			pairs[i] = name + "=" + Masked
		}
	}
	return strings.Join(pairs, "&")
}

// Data masks the known values in what went over the wire. Its length stays, so
// that it can be judged as before.
func (s *Secrets) Data(p []byte) []byte {
	if s == nil {
		return p
	}
	for _, value := range s.list {
		if bytes.Contains(p, []byte(value)) {
			p = bytes.ReplaceAll(p, []byte(value), bytes.Repeat([]byte("*"), len(value)))
		}
	}
	return p
}

// Command masks the secrets in the words of a command.
func (s *Secrets) Command(words []string) []string {
	if s == nil || words == nil {
		return words
	}
	masked := make([]string, len(words))
	for i, word := range words {
		switch {
		case i > 0 && secretOption().MatchString(words[i-1]):
			masked[i] = Masked
		case i > 0 && loginOption().MatchString(words[i-1]) && strings.Contains(word, ":"):
			name, _, _ := strings.Cut(word, ":")
			masked[i] = name + ":" + Masked
		default:
			masked[i] = s.Text(word)
		}
	}
	return masked
}

// agent masks the secrets in how an agent is named, reached and started.
func (s *Secrets) agent(a harness.Agent) harness.Agent {
	a.Name, a.Version = s.Text(a.Name), s.Text(a.Version)
	a.URL, a.Command = s.Text(a.URL), s.Command(a.Command)
	if a.About != nil {
		about := *a.About
		about.Homepage, about.Notes = s.Text(about.Homepage), s.Text(about.Notes)
		a.About = &about
	}
	return a
}

// Result masks the secrets in a result. The result given is left as it is.
func (s *Secrets) Result(r harness.Result) harness.Result {
	if s == nil {
		return r
	}
	r.Note = s.Text(r.Note)
	r.Verdict = s.verdict(r.Verdict)
	r.Changes = slices.Clone(r.Changes)
	for i := range r.Changes {
		r.Changes[i].What = s.Text(r.Changes[i].What)
	}
	if len(r.Varied) > 0 {
		varied := make([]cases.Verdict, len(r.Varied))
		for i, v := range r.Varied {
			varied[i] = s.verdict(v)
		}
		r.Varied = varied
	}
	if r.Transcript != nil {
		t := s.transcript(*r.Transcript)
		r.Transcript = &t
	}
	return r
}

func (s *Secrets) verdict(v cases.Verdict) cases.Verdict {
	v.Reason, v.CloseReason = s.Text(v.Reason), s.Text(v.CloseReason)
	return v
}

func (s *Secrets) transcript(t transcript.Transcript) transcript.Transcript {
	t.Request, t.Response = s.Text(t.Request), s.Text(t.Response)
	t.UncleanReason, t.Address = s.Text(t.UncleanReason), s.Text(t.Address)
	t.LocalReason, t.RemoteReason = s.Data(t.LocalReason), s.Data(t.RemoteReason)
	if t.TLS != nil {
		state := transcript.TLSState{Version: s.Text(t.TLS.Version), Protocol: s.Text(t.TLS.Protocol), Name: s.Text(t.TLS.Name)}
		t.TLS = &state
	}
	if t.Crowd != nil {
		crowd := *t.Crowd
		crowd.Trouble, crowd.Bounded = s.Text(crowd.Trouble), s.Text(crowd.Bounded)
		t.Crowd = &crowd
	}
	t.Keys = s.Data(t.Keys)
	t.More, t.Streams = slices.Clone(t.More), slices.Clone(t.Streams)
	for _, list := range [][]transcript.Transcript{t.More, t.Streams} {
		for i, other := range list {
			list[i] = s.transcript(other)
		}
	}
	if len(s.list) == 0 {
		return t // what was sent and received holds no more that is known
	}
	t.Events, t.Log = slices.Clone(t.Events), slices.Clone(t.Log)
	for i, e := range t.Events {
		t.Events[i] = s.event(e)
	}
	if t.Wrong != nil {
		wrong := s.event(*t.Wrong)
		t.Wrong = &wrong
	}
	for i := range t.Log {
		e := &t.Log[i]
		e.Data, e.Head, e.Note = s.Data(e.Data), s.Data(e.Head), s.Text(e.Note)
	}
	return t
}

func (s *Secrets) event(e transcript.Event) transcript.Event {
	e.Data, e.Section = s.Data(e.Data), s.Text(e.Section)
	return e
}

// Masking returns what masks the secrets of the run with this header, nil if they
// are to be shown.
func (h Header) Masking() *Secrets {
	if h.Secrets == SecretsShown {
		return nil
	}
	s := NewSecrets(h.Agent.URL, h.Added)
	for _, c := range h.UserCases {
		s.ofScript(c.Script)
	}
	s.index()
	return s
}

// header masks the secrets in a header, and says there whether that was done.
func (s *Secrets) header(h Header) Header {
	h.Secrets, h.Added = SecretsShown, nil
	if s != nil {
		h.Secrets = SecretsMasked
		h.Agent = s.agent(h.Agent)
		h.UserCases = slices.Clone(h.UserCases)
		for i, c := range h.UserCases {
			h.UserCases[i].Script = s.Text(c.Script)
		}
	}
	return h
}

func (s *Secrets) footer(f Footer) Footer {
	f.Error = s.Text(f.Error)
	return f
}
