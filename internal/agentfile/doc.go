// Package agentfile reads folders of third-party implementations: what each is, how to build
// and start it, and why it fails cases.
//
// [Load] reads the folders of a file system, such as those that package
// [github.com/wsconform/wsconform/fixtures/agents] embeds. An [Agent] is the content of an
// agent.yaml (agent-v1.schema.json), a [Finding] an entry of a findings.yaml
// (findings-v1.schema.json). [Scaffold] writes a new folder.
package agentfile
