package launch_test

import (
	"flag"
	"os"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/internal/launch"
)

var update = flag.Bool("update", false, "write the golden files")

// The manifest is the one that .ci/kubernetes checks against the types of Kubernetes.
func TestKubernetes(t *testing.T) {
	w := launch.Workers{
		Name: "wsconform-x", Image: "registry.example/wsconform-agents:1", Count: 3, URL: "tls://10.0.0.1:4222", Pin: "3f0c", Token: "secret: \"{x}\"",
	}
	got, err := w.Kubernetes()
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/kubernetes.yaml"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("the manifest (-got +want):\n%s", diff)
	}
	var secret struct {
		StringData map[string]string `yaml:"stringData"`
	}
	if err := yaml.Unmarshal(got, &secret); err != nil || secret.StringData["token"] != w.Token {
		t.Errorf("the token is %q, %v; want %q", secret.StringData["token"], err, w.Token)
	}
}
