package docker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/docker"
)

const pem = "-----BEGIN CERTIFICATE-----\n"

// hostWith is a machine with these files and variables.
func hostWith(t *testing.T, env, files map[string]string, apt string) docker.Host {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return docker.Host{
		Getenv:    func(name string) string { return env[name] },
		Root:      root,
		AptConfig: func() []byte { return []byte(apt) },
	}
}

func TestHostNetwork(t *testing.T) {
	tests := []struct {
		name       string
		env, files map[string]string
		apt        string
		wantFiles  map[string]string
		wantArgs   map[string]string
	}{
		{name: "nothing special"},
		{
			name:      "CA bundle",
			env:       map[string]string{"SSL_CERT_FILE": "/ca/b.pem", "CURL_CA_BUNDLE": "/absent"},
			files:     map[string]string{"ca/b.pem": pem},
			wantFiles: map[string]string{"ca.pem": pem},
		},
		{
			name:     "proxies, as they are spelt",
			env:      map[string]string{"http_proxy": "http://127.0.0.1:3128", "HTTPS_PROXY": "http://127.0.0.1:3129", "no_proxy": "localhost"},
			wantArgs: map[string]string{"http_proxy": "http://127.0.0.1:3128", "HTTPS_PROXY": "http://127.0.0.1:3129", "no_proxy": "localhost"},
		},
		{
			name: "pip: the environment wins over files, the user's over the machine's",
			env:  map[string]string{"HOME": "/home/u", "PIP_TRUSTED_HOST": "env.test"},
			files: map[string]string{
				"etc/pip.conf":                  "# c\n[global]\nindex-url = https://machine.test/\ntrusted_host = file.test\ncert = /etc/ca\n[list]\nextra-index-url = no\n",
				"home/u/.config/pip/pip.conf":   "[install]\nindex-url=https://user.test/?a=b\nextra-index-url =\n  https://one.test/\n  https://two.test/\n",
				"home/u/.config/pip/other.conf": "[global]\nindex-url = no",
			},
			wantArgs: map[string]string{
				"PIP_INDEX_URL": "https://user.test/?a=b", "PIP_TRUSTED_HOST": "env.test",
				"PIP_EXTRA_INDEX_URL": "https://one.test/ https://two.test/",
			},
		},
		{
			name: "apt: network and clock only, and no file of this machine",
			apt: "APT::Architecture \"amd64\";\nAcquire::http::Proxy \"http://127.0.0.1:3142\";\nAcquire::https::CaInfo \"/etc/x\";\n" +
				"Acquire::Check-Date \"false\";\nAcquire::Languages:: \"none\";\nAcquire::http \"\";\nAcquire::http::Proxy-Auto-Detect \"/bin/x\";\n",
			wantFiles: map[string]string{"apt.conf": "Acquire::http::Proxy \"http://127.0.0.1:3142\";\nAcquire::Check-Date \"false\";\n"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hostWith(t, tt.env, tt.files, tt.apt).Network()
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for name, data := range got.Files {
				files[name] = string(data)
			}
			if tt.wantFiles == nil {
				tt.wantFiles = map[string]string{}
			}
			if tt.wantArgs == nil {
				tt.wantArgs = map[string]string{}
			}
			if diff := cmp.Diff(files, tt.wantFiles); diff != "" {
				t.Errorf("files (got, want):\n%s", diff)
			}
			if diff := cmp.Diff(got.Args, tt.wantArgs); diff != "" {
				t.Errorf("args (got, want):\n%s", diff)
			}
		})
	}
}

func TestHostNetworkBadBundle(t *testing.T) {
	for name, files := range map[string]map[string]string{"absent": nil, "not a certificate": {"ca": "hello"}} {
		_, err := hostWith(t, map[string]string{"PIP_CERT": "/ca"}, files, "").Network()
		if err == nil || !strings.Contains(err.Error(), "PIP_CERT") {
			t.Errorf("%s: got error %v, want one that names PIP_CERT", name, err)
		}
	}
}

func TestDebianMirror(t *testing.T) {
	const release = "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_CODENAME=bookworm\n"
	const deb822 = "# c\nTypes: deb-src\nURIs: http://src.test/\nSuites: bookworm\nComponents: main\n\n" +
		"Types: deb\nEnabled: no\nURIs: http://off.test/\nSuites: bookworm\nComponents: main\n\n" +
		"Types: deb deb-src\nURIs: http://new.test/debian http://b.test\nSuites: bookworm bookworm-updates\nComponents: main\n"
	tests := []struct {
		name       string
		env, files map[string]string
		want       string
	}{
		{name: "nothing known"},
		{name: "explicit", env: map[string]string{"WSCONFORM_DEBIAN_MIRROR": "http://my.test/debian"}, want: "http://my.test/debian"},
		{name: "explicit, with a second line in it", env: map[string]string{"WSCONFORM_DEBIAN_MIRROR": "http://my.test\ndeb x"}},
		{
			name: "list",
			files: map[string]string{"etc/os-release": release, "etc/apt/sources.list": "# x\ndeb-src http://no.test bookworm main\n" +
				"deb http://third.test stable main\ndeb cdrom:x bookworm main\ndeb [arch=amd64 signed-by=/x] http://old.test/debian bookworm main contrib\n"},
			want: "http://old.test/debian",
		},
		{
			name:  "deb822",
			files: map[string]string{"etc/os-release": release, "etc/apt/sources.list.d/debian.sources": deb822},
			want:  "http://new.test/debian",
		},
		{
			name: "not Debian",
			files: map[string]string{
				"etc/os-release":                        "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=bookworm\n",
				"etc/apt/sources.list.d/debian.sources": deb822,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := hostWith(t, tt.env, tt.files, "").DebianMirror(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
