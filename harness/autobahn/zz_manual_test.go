package autobahn

import (
	"context"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness/docker"
)

func TestZZManual(t *testing.T) {
	eng, err := docker.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	for i := range 2 {
		start := time.Now()
		img, err := EnsureImage(context.Background(), eng, ImageOptions{Progress: func(l string) { t.Log(time.Since(start).Round(time.Millisecond), l) }})
		t.Log(i, time.Since(start), img, err)
	}
}
