package docker

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// HostNetwork is what a build needs to reach the network as this machine does:
// proxies, trusted certificates, mirrors. A Dockerfile supports it by copying the
// optional files ca.pem and apt.conf from its context and declaring the PIP_
// arguments. Every Dockerfile supports proxies.
type HostNetwork struct {
	Files map[string][]byte // for the root of the build context
	Args  map[string]string // build arguments
}

// A Host is the machine as [HostNetwork] and [Debootstrap] see it. The zero value is
// this machine; tests set the fields.
type Host struct {
	Getenv func(string) string // nil is os.Getenv
	Root   string              // folder that stands for "/"
	// AptConfig returns what "apt-config dump" prints; nil runs it.
	AptConfig func() []byte
}

func (h Host) getenv(name string) string {
	if h.Getenv != nil {
		return h.Getenv(name)
	}
	return os.Getenv(name)
}

// path returns where name, a path of the machine or of its environment, is.
func (h Host) path(name string) string { return filepath.Join(h.Root, name) }

// Network collects what a build on this machine needs:
//
//   - as ca.pem, the CA bundle named by the first of WSCONFORM_CA_BUNDLE, PIP_CERT,
//     SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE that is set, for networks
//     whose proxy intercepts TLS;
//   - http_proxy, https_proxy, ftp_proxy, no_proxy and all_proxy, in either case;
//   - PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_TRUSTED_HOST, or the equivalents
//     in pip's configuration files;
//   - apt's proxy, retry and clock settings, as apt.conf.
//
// It fails if the named bundle cannot be read.
func (h Host) Network() (HostNetwork, error) {
	n := HostNetwork{Files: map[string][]byte{}, Args: map[string]string{}}
	for _, name := range []string{"WSCONFORM_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		file := h.getenv(name)
		if file == "" {
			continue
		}
		pem, err := os.ReadFile(h.path(file))
		if err != nil {
			return n, fmt.Errorf("docker: CA bundle of %s: %w", name, err)
		}
		if !bytes.Contains(pem, []byte("-----BEGIN")) {
			return n, fmt.Errorf("docker: CA bundle of %s: no certificate in %s", name, file)
		}
		n.Files["ca.pem"] = pem
		break
	}
	for _, name := range []string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"} {
		for _, name := range []string{name, strings.ToUpper(name)} {
			if v := h.getenv(name); v != "" {
				n.Args[name] = v
			}
		}
	}
	conf := h.pipConfig()
	for _, name := range []string{"index-url", "extra-index-url", "trusted-host"} {
		env := "PIP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		v := h.getenv(env)
		if v == "" {
			v = conf[name]
		}
		if v != "" {
			n.Args[env] = v
		}
	}
	if apt := h.aptSettings(); len(apt) > 0 {
		n.Files["apt.conf"] = apt
	}
	return n, nil
}

// pipConfig returns the settings of pip's configuration files; the user's override the
// machine's.
func (h Host) pipConfig() map[string]string {
	files := []string{"/etc/pip.conf"}
	if home := h.getenv("HOME"); home != "" {
		files = append(files, home+"/.pip/pip.conf", home+"/.config/pip/pip.conf")
	}
	if file := h.getenv("PIP_CONFIG_FILE"); file != "" {
		files = append(files, file)
	}
	conf := map[string]string{}
	for _, file := range files {
		data, err := os.ReadFile(h.path(file))
		if err != nil {
			continue
		}
		section, key := "", ""
		for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
			line := sc.Text()
			trimmed := strings.TrimSpace(line)
			name, value, assigned := strings.Cut(trimmed, "=")
			switch {
			case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			case trimmed[0] == '[':
				section, key = strings.Trim(trimmed, "[]"), ""
			case section != "global" && section != "install":
			case key != "" && (line[0] == ' ' || line[0] == '\t'): // one value per line
				conf[key] = strings.TrimSpace(conf[key] + " " + trimmed)
			case assigned:
				key = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "-")
				conf[key] = strings.TrimSpace(value)
			}
		}
	}
	return conf
}

// Settings that name files of this machine would break a build, so only network and
// clock settings are taken.
var (
	aptWanted = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^Acquire::(https?::|ftp::|Retries |Check-Valid-Until |Check-Date |ForceIPv[46] )`)
	})
	aptUnwanted = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)::(CaInfo|SslCert|SslKey|CRLFile|IssuerCert|Proxy-Auto-Detect|ProxyAutoDetect)\b`)
	})
	aptEmpty = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` "";$`) })
)

func (h Host) aptSettings() []byte {
	dump := h.AptConfig
	if dump == nil {
		dump = func() []byte {
			out, err := exec.Command("apt-config", "dump").Output() //nolint:noctx // it reads a few files
			if err != nil {
				return nil // no apt, so no settings
			}
			return out
		}
	}
	var conf []byte
	for line := range bytes.Lines(dump()) {
		line = bytes.TrimSpace(line)
		if aptWanted().Match(line) && !aptUnwanted().Match(line) && !aptEmpty().Match(line) {
			conf = append(append(conf, line...), '\n')
		}
	}
	return conf
}

// ExplicitMirror returns the Debian mirror set by the user, WSCONFORM_DEBIAN_MIRROR, or
// "".
func (h Host) ExplicitMirror() string {
	m := h.getenv("WSCONFORM_DEBIAN_MIRROR")
	if strings.ContainsAny(m, " \t\r\n") {
		return "" // not a URL, and more than one field in a list of sources
	}
	return m
}

// DebianMirror returns ExplicitMirror or, on a Debian machine, the first mirror in its
// apt sources. Without either it returns "".
func (h Host) DebianMirror() string {
	if m := h.ExplicitMirror(); m != "" {
		return m
	}
	release, _ := os.ReadFile(h.path("/etc/os-release"))
	var codename string
	debian := false
	for line := range strings.Lines(string(release)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		debian = debian || name == "ID" && value == "debian"
		if name == "VERSION_CODENAME" {
			codename = value
		}
	}
	if !debian || codename == "" {
		return ""
	}
	for _, s := range h.aptSources() {
		if slices.Contains(s.suites, codename) && slices.Contains(s.components, "main") && strings.HasPrefix(s.uri, "http") {
			return s.uri
		}
	}
	return ""
}

type aptSource struct {
	uri                string
	suites, components []string
}

// aptSources reads the sources of binary packages, in both of apt's formats.
func (h Host) aptSources() []aptSource {
	var all []aptSource
	lists, _ := filepath.Glob(h.path("/etc/apt/sources.list.d/*.list")) // the pattern is well-formed
	for _, file := range append([]string{h.path("/etc/apt/sources.list")}, lists...) {
		data, _ := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if i := strings.Index(line, "["); i >= 0 {
				if j := strings.Index(line[i:], "]"); j >= 0 {
					line = line[:i] + line[i+j+1:]
				}
			}
			if f := strings.Fields(line); len(f) >= 4 && f[0] == "deb" {
				all = append(all, aptSource{f[1], f[2:3], f[3:]})
			}
		}
	}
	files, _ := filepath.Glob(h.path("/etc/apt/sources.list.d/*.sources")) // the pattern is well-formed
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for paragraph := range strings.SplitSeq(string(data), "\n\n") {
			fields := map[string][]string{}
			for line := range strings.Lines(paragraph) {
				if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
					fields[strings.ToLower(strings.TrimSpace(name))] = strings.Fields(value)
				}
			}
			off := fields["enabled"]
			if !slices.Contains(fields["types"], "deb") || len(fields["uris"]) == 0 || slices.Equal(off, []string{"no"}) {
				continue
			}
			all = append(all, aptSource{fields["uris"][0], fields["suites"], fields["components"]})
		}
	}
	return all
}
