package dockertest

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/wsconform/wsconform/internal/docker"
)

// Connect returns this machine's engine. It skips the test if there is none or if
// WSCONFORM_DOCKER is "off". At the end of the test it removes what the test left.
func Connect(t *testing.T) *docker.Engine {
	t.Helper()
	if os.Getenv("WSCONFORM_DOCKER") == "off" {
		t.Skip("WSCONFORM_DOCKER is off")
	}
	engine, err := docker.Connect(t.Context())
	if errors.Is(err, docker.ErrNoEngine) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(engine.RemoveRun(context.Background()), engine.Close()); err != nil {
			t.Error(err)
		}
	})
	return engine
}
