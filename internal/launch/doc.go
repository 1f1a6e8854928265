// Package launch describes the workers of a comparison to what starts them on other
// machines. [Workers.Kubernetes] writes the manifests of a Job. The token is a secret there
// and no argument.
package launch
