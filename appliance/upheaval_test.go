package appliance

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/plugins/local/gguf/gguftest"
)

// TestModelIsSwappedUnderRuns: the model of a pool is replaced by another while
// runs use it, and then taken away. Runs that begin afterwards are answered by
// the new one alone. Those that began before stay with the policy that they began
// with: what still needs the old one waits for it, and goes on when it is back.
func TestModelIsSwappedUnderRuns(t *testing.T) {
	s := newSite(t)
	const file, runs = "routine-calder-tools.txt", 8
	var before, after []mission.RunID
	old := false
	for range runs {
		before = append(before, s.sample(t, file))
	}
	source, err := s.PolicySource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	swapped := strings.Replace(string(source), "models: [starter]", "models: [starter-large]", 1)
	if swapped == string(source) {
		t.Fatalf("the policy has no pool with starter alone:\n%s", source)
	}
	if _, err := s.PutPolicy(t.Context(), []byte(swapped), true, false); err != nil {
		t.Fatal(err)
	}
	for range runs {
		after = append(after, s.sample(t, file))
	}
	if _, err := s.StopModel(t.Context(), "starter"); err != nil {
		t.Fatal(err)
	}
	for i, id := range append(after, before...) {
		if i == len(after) {
			if _, err := s.StartModel(t.Context(), "starter"); err != nil {
				t.Fatal(err)
			}
		}
		d := s.finished(t, id)
		if outcome(d.Summary) != mission.Approved {
			t.Errorf("run %d: %s (%s), want approved\n%s", i, outcome(d.Summary), d.Summary.Reason, rail(d))
		}
		models := map[llm.ModelID]bool{}
		for _, step := range d.Steps {
			for _, a := range step.Attempts {
				if a.State == "answered" {
					models[a.Model] = true
				}
			}
		}
		if i < len(after) && (models["starter"] || !models["starter-large"]) {
			t.Errorf("run %d began after the change and was answered by %v", i, models)
		}
		old = old || models["starter"]
	}
	if !old {
		t.Error("no run was answered by the old model: the swap came before them all")
	}
}

// TestImportSurvivesKills: an appliance that is killed while a model comes in, is
// checked or is put together goes on where it was, and ends with one whole file.
func TestImportSurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	s := newSite(t)
	s.stop()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	whole := large()
	files := localParts(gguftest.Split(whole, 3, false))
	c := client.New(filepath.Join(s.data, SocketFile))
	defer c.Close()
	most := int64(0)
	done := false
	for n := 0; n < 6 && !done; n++ {
		cmd := serveVictim(t, s.data)
		ended, kept := make(chan error, 1), most
		go func() {
			_, _, err := c.SendModel(t.Context(), client.ModelFiles{Files: files, ID: "large", Progress: func(u api.ModelUpload, resumed int64) {
				if resumed < kept {
					t.Errorf("kill %d lost what was confirmed: %d bytes, %d before", n, resumed, kept)
				}
				if u.Stage == "receiving" {
					most = max(most, u.Done)
				}
			}})
			ended <- err
		}()
		select {
		case err := <-ended:
			done = err == nil
			if err != nil {
				t.Errorf("import %d: %v", n, err)
			}
			_ = cmd.Process.Kill()
		case <-time.After(time.Duration(50+random.IntN(400)) * time.Millisecond): // the moment is the point
			_ = cmd.Process.Kill()
			done = <-ended == nil
		}
		_ = cmd.Wait()
		if report, err := Check(t.Context(), DefaultConfig(s.data), false, nil); err != nil || len(report.Findings) > 0 {
			t.Fatalf("kill %d: the store is not in order: %v %+v", n, err, report.Findings)
		}
	}
	s.serve(t)
	defer s.stop()
	if !done {
		if _, _, err := s.SendModel(t.Context(), client.ModelFiles{Files: files, ID: "large"}); err != nil {
			t.Fatal(err)
		}
	}
	m, ok := s.model(t, "large")
	if !ok {
		t.Fatal("the model is not in the catalogue")
	}
	if got := s.modelFiles(t); len(got) != 1 || !strings.HasSuffix(got[0], m.File.SHA256) {
		t.Errorf("the folder holds %q", got)
	}
	// The same in one piece is the same model, to the last bit.
	if again, isNew, err := s.tryTake(t, "", whole); err != nil || isNew || again.ID != "large" {
		t.Errorf("the whole file is another model: %s, %t, %v", again.ID, isNew, err)
	}
}

// TestImportOnAFullDisk: a disk that fills up while a model comes in stops that
// import and nothing else; with room again it goes on from there.
func TestImportOnAFullDisk(t *testing.T) {
	s := newSite(t)
	folder := filepath.Join(s.data, modelsDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=700m,mode=0700"); err != nil {
		t.Skipf("a small disk cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	whole := large()
	filler := filepath.Join(t.TempDir(), "unused")
	m := client.ModelFiles{Files: []client.LocalFile{{Name: "large.gguf", Size: int64(len(whole)), Content: bytes.NewReader(whole)}}, ID: "large"}
	m.Progress = func(u api.ModelUpload, _ int64) {
		if u.Done == 0 { // there was room when it began
			filler = filepath.Join(folder, "others")
			fill(t, filler, 8<<20)
		}
	}
	_, _, err := s.SendModel(t.Context(), m)
	refusedAs(t, "no room", err, "disk-full", "make room")
	if d := s.finished(t, s.sample(t, "routine-calder-tools.txt")); outcome(d.Summary) != mission.Approved {
		t.Errorf("a run meanwhile: %s\n%s", outcome(d.Summary), rail(d))
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	m.Progress = nil
	if e, _, err := s.SendModel(t.Context(), m); err != nil || e.File.SizeBytes != int64(len(whole)) {
		t.Fatalf("with room again: %+v, %v", e.File, err)
	}
}

// fill writes a file until only so many bytes are free on its disk.
func fill(t *testing.T, path string, free uint64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	have := st.Bavail * uint64(st.Bsize)
	if have <= free {
		return
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(have-free)); err != nil {
		t.Fatal(err)
	}
}
