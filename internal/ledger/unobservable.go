package ledger

// unobservable says why no test from outside can tell whether a requirement is kept.
var unobservable = map[string]string{
	"RFC6455-4.1-unknown-ip-distinct":    "it takes a client behind a proxy that resolves many names, and nothing on the wire shows it",
	"RFC6455-4.1-one-connecting":         "it takes a client that is told to open two connections at once, and no test driver tells it that",
	"RFC6455-4.1-pac-uri":                "it is the input of a script inside the client",
	"RFC6455-4.1-offload":                "it is about deployment: both programs count as one client",
	"RFC6455-4.2-offload":                "it is about deployment: the whole chain counts as the server",
	"RFC6455-5.2-extdata-defined":        "it is for those who write extensions",
	"RFC6455-5.4-proxy-unseen":           "it takes an intermediary that joins in the middle of a connection",
	"RFC6455-5.5.1-not-shown":            "it is about a user interface",
	"RFC6455-6.2-extension-semantics":    "it permits extensions in general; compression is the only one there is",
	"RFC6455-7.1.7-server-log":           "a log is no part of the protocol",
	"RFC6455-7.2.3-delay-choice":         "it permits everything",
	"RFC6455-7.3-server-may-close":       "it permits everything",
	"RFC6455-9.1-interactions":           "it is for those who write extensions",
	"RFC6455-9.1-application-order":      "it takes two extensions that work together; there is only one",
	"RFC6455-10.3-fixed-once-sent":       "it takes a caller that changes a buffer during a write: a unit test in each language",
	"RFC6455-10.6-tls-use":               "it is about deployment",
	"RFC7692-4-define":                   "it is for those who write extensions",
	"RFC7692-5-boundary-conflict-server": "there is no other extension of that kind",
	"RFC7692-5-boundary-conflict-client": "there is no other extension of that kind",
	"RFC7692-7.2.1-max-32k":              "DEFLATE has no code for a distance above 32768 bytes",
	"RFC7692-7.2.2-client-drop":          "it permits saving memory, which nothing on the wire shows",
	"RFC7692-7.2.2-server-drop":          "it permits saving memory, which nothing on the wire shows",
	"RFC7692-7.2.2-reduce":               "it permits saving memory, which nothing on the wire shows",
	"RFC7692-8-crime":                    "it is advice for designers",
}
