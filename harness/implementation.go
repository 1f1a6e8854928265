package harness

import "errors"

// An Implementation tells of a third-party implementation what a comparison
// says beside its name.
type Implementation struct {
	Folder   string `json:"folder"` // of fixtures/agents, such as "go-gorilla"
	Hash     string `json:"hash"`   // SHA-256 of the folder's files, in hex
	Language string `json:"language"`
	Library  string `json:"library"`
	Registry string `json:"registry,omitempty"` // where the library comes from, such as "pypi"
	Package  string `json:"package,omitempty"`  // its name there
	Pinned   string `json:"pinned,omitempty"`   // the version that the folder asks for
	Licence  string `json:"licence"`
	Homepage string `json:"homepage"`
	Notes    string `json:"notes,omitempty"`
	// Deflate and MaxMessage are what the library is known to offer; MaxMessage
	// is in bytes, 0 if no limit is known.
	Deflate    bool   `json:"deflate,omitempty"`
	MaxMessage int64  `json:"maxMessage,omitempty"`
	Isolation  string `json:"isolation"` // "none" or "docker"
}

// A Cause says why an implementation has no verdicts, or not all.
type Cause string

// The causes.
const (
	CauseMissing Cause = "missing"       // a program that it needs is not installed
	CauseNetwork Cause = "network"       // a registry could not be reached while it was built
	CauseBuild   Cause = "build"         // it cannot be built
	CauseStart   Cause = "start"         // it does not start, or never listens
	CauseEcho    Cause = "echo"          // it does not echo
	CauseCrash   Cause = "crash"         // it ended in mid-run
	CauseHang    Cause = "hang"          // it did not end in time
	CauseMemory  Cause = "out-of-memory" // it used more memory than it may
	CauseProcess Cause = "processes"     // it had more processes and threads than it may
)

// ErrUntestable is found by [errors.Is] in every error that is the doing of the
// implementation under test rather than of the harness.
var ErrUntestable = errors.New("the implementation cannot be tested")

// An UntestableError says that an implementation cannot be tested, or not to the
// end, and why. It is an [ErrUntestable], and makes a run partial, not invalid.
type UntestableError struct {
	Cause Cause
	Err   error
}

func (e *UntestableError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *UntestableError) Unwrap() error { return e.Err }

// Is makes it an [ErrUntestable].
func (e *UntestableError) Is(target error) bool { return target == ErrUntestable }
