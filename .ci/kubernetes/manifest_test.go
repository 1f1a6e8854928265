// Package kubernetes checks the manifests of wsconform against the types of Kubernetes. It
// is a module of its own, so that those are no dependency of wsconform.
package kubernetes

import (
	"bytes"
	"os"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../../internal/launch/testdata/kubernetes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parts := bytes.Split(text, []byte("---\n"))
	if len(parts) != 2 {
		t.Fatalf("%d documents, want 2", len(parts))
	}
	var secret corev1.Secret
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(parts[0], &secret); err != nil {
		t.Errorf("secret: %v", err)
	}
	if err := yaml.UnmarshalStrict(parts[1], &job); err != nil {
		t.Errorf("job: %v", err)
	}
	spec := job.Spec
	if job.APIVersion != "batch/v1" || *spec.CompletionMode != batchv1.IndexedCompletion || *spec.Completions != 3 || *spec.BackoffLimitPerIndex != 10 {
		t.Errorf("job: got %+v", spec)
	}
	pod := spec.Template.Spec
	// backoffLimitPerIndex is valid with this policy only.
	if pod.RestartPolicy != corev1.RestartPolicyNever || pod.Volumes[0].Secret.SecretName != secret.Name || *pod.Volumes[0].Secret.DefaultMode != 0o400 {
		t.Errorf("pod: got %+v", pod)
	}
	if mount := pod.Containers[0].VolumeMounts[0]; mount.Name != pod.Volumes[0].Name || secret.StringData["token"] == "" {
		t.Errorf("mount: got %+v, want the token's", mount)
	}
}
