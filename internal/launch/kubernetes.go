package launch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
)

// Workers are to connect to a server.
type Workers struct {
	Name  string // of what is made: letters, digits and "-"
	Image string // that has wsconform, of the server's version, and the programs of the agents
	Count int
	URL   string
	Pin   string // see package queue
	Token string
	// Agents is the folder of the agents, in the image; "" means those of wsconform.
	Agents string
}

// patience is how long workers wait for the server: they are started beside it, and
// started again when they fail.
const patience = "2m"

// Command is what a worker runs, with the token in a file.
func (w Workers) Command(token string) []string {
	args := []string{"wsconform", "work", w.URL, "--token-file", token, "--wait", patience}
	if w.Pin != "" {
		args = append(args, "--pin", w.Pin)
	}
	if w.Agents != "" {
		args = append(args, "--agents", w.Agents)
	}
	return args
}

// manifest has a Secret and an Indexed Job. Every value is written as JSON, which is YAML.
// A pod that fails is replaced, up to ten times for each index, unless another attempt
// would end as the first one: wrong usage, or a unit that could not be played.
const manifest = `apiVersion: v1
kind: Secret
metadata:
  name: {{json .Name}}
  labels: {app.kubernetes.io/name: wsconform}
stringData:
  token: {{json .Token}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{json .Name}}
  labels: {app.kubernetes.io/name: wsconform}
spec:
  completionMode: Indexed
  completions: {{.Count}}
  parallelism: {{.Count}}
  backoffLimitPerIndex: 10
  podFailurePolicy:
    rules:
      - {action: FailIndex, onExitCodes: {operator: In, values: [2, 4]}}
  ttlSecondsAfterFinished: 600
  template:
    metadata:
      labels: {app.kubernetes.io/name: wsconform}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      containers:
        - name: worker
          image: {{json .Image}}
          command: {{json .Command}}
          volumeMounts:
            - {name: token, mountPath: /run/wsconform, readOnly: true}
      volumes:
        - name: token
          secret: {secretName: {{json .Name}}, defaultMode: 256}
`

func toJSON(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(out.String()), err
}

// Kubernetes returns the manifests for kubectl apply: a Secret, and an Indexed Job that is
// complete once the workers have ended. It needs Kubernetes 1.29 or newer.
func (w Workers) Kubernetes() ([]byte, error) {
	var out bytes.Buffer
	data := struct {
		Workers
		Command []string
	}{w, w.Command("/run/wsconform/token")}
	t, err := template.New("manifest").Funcs(template.FuncMap{"json": toJSON}).Parse(manifest)
	if err == nil {
		err = t.Execute(&out, data)
	}
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	return out.Bytes(), nil
}
