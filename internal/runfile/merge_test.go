package runfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
)

// shards cuts a run of the cases into so many, with a good result of each case.
func shards(t *testing.T, total int, ids ...cases.ID) []*runfile.Run {
	t.Helper()
	list, err := pattern.Select(catalogue.All(), idPatterns(ids), nil)
	if err != nil || len(list) != len(ids) {
		t.Fatalf("%d cases, %v", len(list), err)
	}
	var runs []*runfile.Run
	for i := range total {
		sh := runfile.Shard{Index: i + 1, Total: total, Whole: ids}
		var part []cases.ID
		for _, c := range sh.Take(list) {
			part = append(part, c.ID)
		}
		run := &runfile.Run{Header: header(part...), Footer: &runfile.Footer{State: runfile.Complete, Duration: time.Duration(i+1) * time.Second}}
		run.Header.Shard = &sh
		run.Header.Started = run.Header.Started.Add(time.Duration(i) * time.Minute)
		for _, id := range part {
			run.Results = append(run.Results, result(id, harness.Pass, cases.OK))
		}
		runs = append(runs, run)
	}
	return runs
}

func idPatterns(ids []cases.ID) []string {
	var list []string
	for _, id := range ids {
		list = append(list, string(id))
	}
	return list
}

func TestMergeRuns(t *testing.T) {
	whole := []cases.ID{"1.1.1", "1.1.2", "2.9", "2.10", "7.1.1"}
	got, err := runfile.Merge(shards(t, 3, whole...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Header.Selection.Selected, whole); diff != "" {
		t.Errorf("selected (-got +want):\n%s", diff)
	}
	var order []cases.ID
	for _, r := range got.Results {
		order = append(order, r.Case)
	}
	if diff := cmp.Diff(order, whole); diff != "" {
		t.Errorf("results (-got +want):\n%s", diff)
	}
	want := &runfile.Footer{State: runfile.Complete, Counts: map[harness.Outcome]int{harness.Pass: 5}, Duration: 2*time.Minute + 3*time.Second}
	if diff := cmp.Diff(got.Footer, want); diff != "" {
		t.Errorf("footer (-got +want):\n%s", diff)
	}
	if got.Header.Shard != nil || got.State() != runfile.Complete {
		t.Errorf("shard %v, state %s; want a complete run that is no shard", got.Header.Shard, got.State())
	}
}

func TestMergeRunsRefuses(t *testing.T) {
	whole := []cases.ID{"1.1.1", "1.1.2", "2.9", "2.10"}
	for _, row := range []struct {
		name   string
		change func(runs []*runfile.Run) []*runfile.Run
		want   string
		partly bool // there is a run beside the error
	}{
		{"a shard is missing", func(r []*runfile.Run) []*runfile.Run { return r[:1] }, "2 cases have no verdict: 1.1.2, 2.10", true},
		{"a case was lost", func(r []*runfile.Run) []*runfile.Run { r[1].Results = r[1].Results[:1]; return r }, "1 case has no verdict: 2.10", true},
		{"a crash", func(r []*runfile.Run) []*runfile.Run {
			r[1].Results[0] = harness.Result{Case: "1.1.2", Outcome: harness.Crash}
			return r
		}, "1 case has no verdict: 1.1.2", true},
		{"two verdicts of a case", func(r []*runfile.Run) []*runfile.Run {
			r[1].Results = append(r[1].Results, result("1.1.1", harness.Fail, cases.Failed))
			return r
		}, "1 case went differently in the runs: 1.1.1", false},
		{"a crash here and a pass there", func(r []*runfile.Run) []*runfile.Run {
			r[1].Results = append(r[1].Results, harness.Result{Case: "1.1.1", Outcome: harness.Crash})
			return r
		}, "1 case went differently in the runs: 1.1.1", false},
		{"a pass here and a crash there", func(r []*runfile.Run) []*runfile.Run {
			r[1].Results = append(r[1].Results, harness.Result{Case: "1.1.1", Outcome: harness.Crash})
			slices.Reverse(r)
			return r
		}, "1 case went differently in the runs: 1.1.1", false},
		{"a timeout here and a pass there", func(r []*runfile.Run) []*runfile.Run {
			r[1].Results = append(r[1].Results, harness.Result{Case: "1.1.1", Outcome: harness.Timeout})
			return r
		}, "1 case went differently in the runs: 1.1.1", false},
		{"a crash here and a timeout there", func(r []*runfile.Run) []*runfile.Run {
			r[0].Results[0] = harness.Result{Case: "1.1.1", Outcome: harness.Crash}
			r[1].Results = append(r[1].Results, harness.Result{Case: "1.1.1", Outcome: harness.Timeout})
			return r
		}, "1 case went differently in the runs: 1.1.1", false},
		{"another catalogue", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Selection.Catalogue = "ff"; return r }, "different case catalogues", false},
		{"another engine", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Engine.Name = "native"; return r }, "different engines", false},
		{"declared otherwise", func(r []*runfile.Run) []*runfile.Run {
			r[1].Header.Settings = map[string]any{runfile.SettingDeclare: "limit,origin"}
			return r
		}, "different things were declared, nothing and limit,origin", false},
		{"without echo", func(r []*runfile.Run) []*runfile.Run {
			r[1].Header.Settings = map[string]any{runfile.SettingNoEcho: true}
			return r
		}, "some were started with --no-echo and some without", false},
		{"another image", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Engine.Digest = "sha256:00"; return r }, "different engines", false},
		{"another agent", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Agent.Version = "9"; return r }, "different agents", false},
		{"another role", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Agent.Role = cases.Client; return r }, "different agents", false},
		{"a shard of another whole", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Shard.Whole = whole[1:]; return r }, "different selections", false},
		{"one is no shard", func(r []*runfile.Run) []*runfile.Run { r[1].Header.Shard = nil; return r }, "some are shards and some are not", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := runfile.Merge(row.change(shards(t, 2, whole...)))
			var merge *runfile.MergeError
			if !errors.As(err, &merge) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one that says %q", err, row.want)
			}
			if (got != nil) != row.partly {
				t.Errorf("run %v, want one: %v", got, row.partly)
			}
			if got != nil && got.State() == runfile.Complete {
				t.Error("the run says that it is complete")
			}
		})
	}
}

// The same verdict twice is no clash, and a verdict beats none.
func TestMergeRunsOverlap(t *testing.T) {
	runs := shards(t, 1, "1.1.1", "1.1.2")
	again := shards(t, 1, "1.1.1", "1.1.2")
	runs[0].Results[1] = harness.Result{Case: "1.1.2", Outcome: harness.Blocked}
	got, err := runfile.Merge(append(runs, again...))
	if err != nil || got.State() != runfile.Complete {
		t.Errorf("%v, %v; want a complete run", got, err)
	}
	runs[0].Footer = &runfile.Footer{State: runfile.Invalid, Error: "no Docker engine"}
	got, err = runfile.Merge(append(runs, again...))
	if err != nil || got.State() != runfile.Invalid || got.Footer.Error != "no Docker engine" {
		t.Errorf("%v, %v; want an invalid run", got, err)
	}
}

// A crash is not forgotten because another run did not get as far as the case.
func TestMergeRunsKeepsACrash(t *testing.T) {
	for _, o := range []harness.Outcome{harness.Crash, harness.Timeout} {
		for _, less := range []harness.Outcome{harness.NotRun, harness.Blocked, harness.HarnessError} {
			for _, turned := range []bool{false, true} {
				runs := shards(t, 1, "1.1.1", "1.1.2")
				runs[0].Results[0] = harness.Result{Case: "1.1.1", Outcome: o}
				again := shards(t, 1, "1.1.1", "1.1.2")
				again[0].Results[0] = harness.Result{Case: "1.1.1", Outcome: less}
				runs = append(runs, again...)
				if turned {
					slices.Reverse(runs)
				}
				got, _ := runfile.Merge(runs)
				if got == nil || got.Results[0].Outcome != o {
					t.Errorf("%s and %s, turned %v: %+v; want the %s", o, less, turned, got, o)
				}
			}
		}
	}
}

func TestParseShard(t *testing.T) {
	for _, bad := range []string{"", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"} {
		if sh, err := runfile.ParseShard(bad); err == nil {
			t.Errorf("%q is read as %v", bad, sh)
		}
	}
	if sh, err := runfile.ParseShard("2/5"); err != nil || sh.Index != 2 || sh.Total != 5 {
		t.Errorf("%v, %v; want 2/5", sh, err)
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "run.jsonl")
	run := shards(t, 2, "1.1.1", "1.1.2", "2.9")[0]
	run.Header.Secrets = runfile.SecretsMasked
	if err := run.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := runfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, run); diff != "" {
		t.Errorf("run (-got +want):\n%s", diff)
	}
	if err := run.Save(filepath.Dir(path)); err == nil {
		t.Error("no error where the file is a folder")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestResumeRun(t *testing.T) {
	h := header("1.1.1", "1.1.2", "1.1.3")
	pass := func(id cases.ID) harness.Result { return result(id, harness.Pass, cases.OK) }
	whole := record(t, h, []harness.Result{pass("1.1.1"), {Case: "1.1.2", Outcome: harness.Blocked}}, time.Second, nil)
	for _, row := range []struct {
		name string
		file []byte
	}{
		{"with a footer", whole},
		{"cut off in the footer", whole[:len(whole)-9]},
		{"cut off in a case", whole[:len(whole)-len(`{"kind":"footer","state":"partial","counts":{"blocked":1,"not-run":1,"pass":1},"missing":["1.1.2","1.1.3"],"duration":1000000000}`)-20]},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.jsonl")
			if err := os.WriteFile(path, row.file, 0o600); err != nil {
				t.Fatal(err)
			}
			w, err := runfile.Resume(path, h)
			if err != nil {
				t.Fatal(err)
			}
			run, err := w.Record(func(emit func(harness.Result)) error {
				emit(pass("1.1.2"))
				emit(pass("1.1.3"))
				return nil
			})
			if err != nil || run.Footer.State != runfile.Complete || len(run.Results) != 3 {
				t.Errorf("%+v, %v; want a complete run", run, err)
			}
			got, err := runfile.Open(path)
			if err != nil || got.State() != runfile.Complete || got.Counts()[harness.Pass] != 3 {
				t.Errorf("%+v, %v; want three passes", got, err)
			}
			if got, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(got), string(row.file[:400])) {
				t.Errorf("the beginning has changed: %v", err)
			}
		})
	}
}

// A run that was killed behind its last case has only its footer missing.
func TestResumeRunWritesTheFooter(t *testing.T) {
	h := header("1.1.1")
	whole := record(t, h, []harness.Result{result("1.1.1", harness.Pass, cases.OK)}, 0, nil)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	cut := whole[:bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1]
	if err := os.WriteFile(path, cut, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := runfile.Resume(path, h)
	if err != nil {
		t.Fatal(err)
	}
	if run, err := w.Record(func(func(harness.Result)) error { return nil }); err != nil || run.State() != runfile.Complete {
		t.Errorf("%+v, %v; want a complete run", run, err)
	}
	if got, err := runfile.Open(path); err != nil || got.State() != runfile.Complete {
		t.Errorf("the file: %+v, %v; want a complete run", got, err)
	}
}

func TestResumeRunOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	file := record(t, header("1.1.1"), nil, 0, nil)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	h := header("1.1.1")
	h.Agent.Name = "another"
	var merge *runfile.MergeError
	if _, err := runfile.Resume(path, h); !errors.As(err, &merge) {
		t.Errorf("error %v, want a MergeError", err)
	}
	if got, _ := os.ReadFile(path); string(got) != string(file) {
		t.Error("the file was touched")
	}
}

func result(id cases.ID, o harness.Outcome, b cases.Behavior) harness.Result {
	return harness.Result{Case: id, Outcome: o, Verdict: cases.Verdict{Behavior: b, Close: cases.CloseOK}}
}

// A merged run shows secrets if one of its parts does.
func TestMergeSaysThatSecretsAreShown(t *testing.T) {
	for _, shown := range []int{-1, 0, 1} {
		runs := shards(t, 2, "1.1.1", "1.1.2")
		for i, run := range runs {
			run.Header.Secrets = runfile.SecretsMasked
			if i == shown {
				run.Header.Secrets = runfile.SecretsShown
			}
		}
		want := runfile.SecretsMasked
		if shown >= 0 {
			want = runfile.SecretsShown
		}
		got, err := runfile.Merge(runs)
		if err != nil || got.Header.Secrets != want {
			t.Errorf("shown in part %d: got %q, error %v; want %q", shown, got.Header.Secrets, err, want)
		}
	}
}

// A resumed run has taken the time before, too.
func TestResumeAddsTheTimeBefore(t *testing.T) {
	h := header("1.1.1", "1.1.2")
	path := filepath.Join(t.TempDir(), "run.jsonl")
	whole := record(t, h, []harness.Result{result("1.1.1", harness.Pass, cases.OK)}, 20*time.Minute, nil)
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := runfile.Resume(path, h)
	if err != nil {
		t.Fatal(err)
	}
	run, err := w.Record(func(emit func(harness.Result)) error {
		emit(result("1.1.2", harness.Pass, cases.OK))
		return nil
	})
	if err != nil || run.Footer.Duration < 20*time.Minute {
		t.Errorf("got %v, error %v; want more than 20 minutes", run.Footer.Duration, err)
	}
}
