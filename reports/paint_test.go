package reports_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/reports"
)

// BenchmarkFirstPaint measures when pages of 517 cases are first painted, in turn:
// with few failures, and with the longest logs there are. WSCONFORM_PAINT names a
// folder of further pages to measure beside them, such as those of another version.
func BenchmarkFirstPaint(b *testing.B) {
	browser := browsertest.Start(b)
	dir := b.TempDir()
	for name, in := range map[string]reports.Input{
		"faults": {Run: synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahnEngine(), fault: someFaults}.run()},
		"worst":  {Run: synthetic{agent: server("worst", ""), engine: autobahnEngine(), fault: everyFault}.run()},
	} {
		if err := reports.Write(filepath.Join(dir, name), in, "html"); err != nil {
			b.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "index.html"))
	if err != nil {
		b.Fatal(err)
	}
	if beside := os.Getenv("WSCONFORM_PAINT"); beside != "" {
		others, err := filepath.Glob(filepath.Join(beside, "*", "index.html"))
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, others...)
	}
	paint, work := map[string][]time.Duration{}, map[string][]time.Duration{}
	for b.Loop() {
		for _, file := range files {
			page := browser.Open(b, file, browsertest.View{})
			paint[file] = append(paint[file], page.FirstPaint(b))
			work[file] = append(work[file], page.Work(b))
			page.Close(b)
		}
	}
	for _, file := range files {
		b.Logf("%-12s %d times: first paint %s, work of the main thread %s",
			filepath.Base(filepath.Dir(file)), len(paint[file]), spread(paint[file]), spread(work[file]))
	}
}

// spread is the least, the middle and the most.
func spread(list []time.Duration) string {
	slices.Sort(list)
	return fmt.Sprintf("%v / %v / %v", list[0].Round(time.Millisecond), list[len(list)/2].Round(time.Millisecond), list[len(list)-1].Round(time.Millisecond))
}
