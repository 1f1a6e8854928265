package compare

import (
	"testing"

	"github.com/wsconform/wsconform/internal/agentfile"
)

// The answers are those of the registries' clients.
func TestNewest(t *testing.T) {
	for _, row := range []struct{ registry, name, pinned, output, want string }{
		{"go", "github.com/gorilla/websocket", "1.5.3", "v1.5.4\n", "1.5.4"},
		{"pypi", "websockets", "17.4", "websockets (17.5)\nAvailable versions: 17.5, 17.4\n", "17.5"},
		{"npm", "ws", "8.22.0", "8.23.0\n", "8.23.0"},
		{"crates", "tungstenite", "0.30.0", "tungstenite #websocket #io\nLightweight stream-based WebSocket implementation\nversion: 0.31.0\nlicense: MIT OR Apache-2.0\n", "0.31.0"},
		{"maven", "org.x:y", "1.6.0", "[INFO] The following dependencies in Dependencies have newer versions:\n[INFO]   org.x:y ................................ 1.6.0 -> 1.7.0\n", "1.7.0"},
		{"maven", "org.x:y", "1.6.0", "[INFO]   org.x:y .............................\n[INFO]                                     1.6.0 -> 1.7.0\n", "1.7.0"},
		{"maven", "org.x:y", "1.6.0", "[INFO] No dependencies in Dependencies have newer versions.\n", "1.6.0"},
		{"debian", "libwslay-dev", "1.1.1-3", "libwslay-dev:\n  Installed: (none)\n  Candidate: 1.1.1-4\n", "1.1.1-4"},
		{"debian", "libwslay-dev", "1.1.1", "libwslay-dev:\n  Candidate: 1.1.1-3+b1\n", "1.1.1"},
		{"debian", "chromium", "156.0.8078", "chromium:\n  Candidate: 2:156.0.8078.79-1~deb12u1\n", "156.0.8078"},
		{"debian", "libwslay-dev", "1.1.1", "libwslay-dev:\n  Candidate: 1.1.10-3\n", "1.1.10-3"},
		{"npm", "ws", "8.22.0", "npm error\n", ""},
	} {
		a := agentfile.Agent{Version: row.pinned, Package: agentfile.Package{Registry: row.registry, Name: row.name}}
		got, err := newest(a, registries[row.registry].version, row.output)
		if got != row.want || (err != nil) != (row.want == "") {
			t.Errorf("%s: got %q and %v, want %q", row.registry, got, err, row.want)
		}
	}
	for _, name := range agentfile.Registries {
		if _, known := registries[name]; !known && name != "none" {
			t.Errorf("no code asks the registry %s", name)
		}
	}
}
