package appliance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/store/lossyfs"
)

// witness keeps what it is shown, and finds canaries in it.
type witness struct {
	mu   sync.Mutex // guards seen
	seen map[string][]byte
}

func newWitness() *witness { return &witness{seen: map[string][]byte{}} }

func (w *witness) see(name string, data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = append(w.seen[name], data...)
}

// Write implements [io.Writer], for logs.
func (w *witness) Write(p []byte) (int, error) {
	w.see("log", p)
	return len(p), nil
}

// forms are the ways in which a text may stand somewhere.
func forms(text string) (all [][]byte) {
	raw := []byte(text)
	all = append(all, raw, []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw))))
	for shift := range 3 { // in base64 it depends on what stands before
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := e.EncodeToString(append(make([]byte, shift), raw...))
			all = append(all, []byte(s[4:len(s)-3]))
		}
	}
	var wide []byte
	for _, c := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(c), byte(c>>8))
	}
	return append(all, wide)
}

// find returns where canaries stand, in whatever form.
func (w *witness) find(canaries []string) (found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range canaries {
		for _, form := range forms(c) {
			for name, text := range w.seen {
				if bytes.Contains(text, form) {
					found = append(found, c+" in "+name)
				}
			}
		}
	}
	return found
}

// TestNoSecretReachesTheDisk plants 200 canaries: passwords of suppliers, names
// of people, what they write, drafts, documents, policies. Then it looks for them
// in everything that was ever written to the disk, as who steals it would find in
// what the file system thinks is free, in the log, and in what the children were
// started with.
func TestNoSecretReachesTheDisk(t *testing.T) {
	canMount(t)
	dir, err := os.MkdirTemp("", "skerry") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a, before := newAuditors(t), filepath.Join(t.TempDir(), "before")
	a.fresh(t, before)
	w := newWitness()
	disk, err := lossyfs.Mount(before, dir, lossyfs.Options{Written: w.see})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var canaries []string
	next := func() string {
		c := fmt.Sprintf("Canary%012x%04d", r.Uint64()&(1<<48-1), len(canaries))
		canaries = append(canaries, c)
		return c
	}

	s := &site{data: filepath.Join(dir, "site")}
	// In a process of its own: what maps a file of a disk that it serves itself can
	// wait for itself for ever.
	served := serveVictim(t, s.data, func(c *exec.Cmd) {
		c.Env, c.Stderr = append(os.Environ(), talkativeVictim+"=1"), w
	})
	s.Client = client.New(filepath.Join(s.data, SocketFile))
	ctx := t.Context()
	for i := range 40 {
		if _, err := s.PutSecret(ctx, fmt.Sprint("supplier-", i), next(), next()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		if _, err := s.AddPerson(ctx, api.NewPerson{Login: fmt.Sprint("person-", i), Name: next(), Roles: []string{"user"}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		var text strings.Builder
		fmt.Fprintf(&text, "Invoice %s\nSupplier: %s\n", next(), next())
		for range 18 {
			fmt.Fprintf(&text, "1 x %s 10.00 EUR\n", next())
		}
		s.upload(t, next()+".txt", strings.NewReader(text.String()))
		source, err := s.MissionSource(ctx, sampleMission, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.SaveDraft(ctx, sampleMission, fmt.Appendf(source, "\n# %s %d\n", next(), i)); err != nil {
			t.Fatal(err)
		}
	}
	source, err := s.PolicySource(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutPolicy(ctx, fmt.Appendf(source, "\n# %s\n", next()), false, false); err != nil {
		t.Fatal(err)
	}
	refused := client.Start{Mission: next()} // also what was not done is on record
	if _, err := s.StartSample(ctx, refused, "document", next()); err == nil {
		t.Error("a mission that there is not was started")
	}
	for len(canaries) < 200 {
		if _, err := s.Cancel(ctx, s.sample(t, "routine-calder-tools.txt"), next()); err != nil {
			break // it had ended
		}
	}
	for _, p := range children(served.Process.Pid) {
		for _, file := range []string{"environ", "cmdline"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p), file))
			if err != nil {
				t.Fatal(err)
			}
			w.see(file, text)
		}
	}
	_ = s.Seal(ctx) // asks how the vault is then, when the process has ended: nobody is there to open it
	_ = served.Wait()
	if !bytes.Contains(w.seen["log"], []byte(errSeal.Error())) {
		t.Error("it was not sealed")
	}
	if len(w.seen["skerry.db"]) == 0 || len(w.seen["log"]) == 0 || len(w.seen["cmdline"]) == 0 {
		t.Fatal("the witness has seen nothing")
	}
	t.Logf("%d canaries; %d files were written", len(canaries), len(w.seen))
	if len(canaries) < 190 {
		t.Errorf("only %d canaries were planted", len(canaries))
	}
	if found := w.find(canaries); len(found) > 0 {
		t.Errorf("%d found: %v", len(found), found)
	}

	// The control: what is written is found, in every form.
	for i, form := range forms(canaries[0]) {
		if err := os.WriteFile(filepath.Join(dir, "control"), append([]byte("x"), form...), 0o600); err != nil {
			t.Fatal(err)
		}
		if len(w.find(canaries)) == 0 {
			t.Errorf("control: form %d is not found", i)
		}
		w.mu.Lock()
		delete(w.seen, "control")
		w.mu.Unlock()
	}
}
