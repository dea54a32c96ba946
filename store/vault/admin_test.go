package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// TestWhoOpens: each admin opens the vault with what they have, and nobody
// else does.
func TestWhoOpens(t *testing.T) {
	pq, ann := hybrid(t, "ann")
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	const phrase = "correct horse battery staple"
	v := newVault(t, Options{WorkFactor: 10}, ann, NewAdmin{Name: "bob", Recipient: classic.Recipient().String()}, NewAdmin{Name: "cy", Passphrase: phrase})
	sealed := seal(t, v, "runs", "a", "secret")
	opens := func(name string, root *Root, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer root.Close()
		// Over the wire, as the command line hands it on.
		root2, err := ParseRoot(root.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer root2.Close()
		w, err := Open(v.dir, root2, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer w.Close()
		if got, err := w.Open("runs", "a", sealed); err != nil || string(got) != "secret" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	info, err := Inspect(v.dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := Unwrap(info, pq)
	opens("hybrid", root, err)
	root, err = Unwrap(info, classic)
	opens("X25519", root, err)
	root, err = UnwrapPassphrase(info, phrase)
	opens("passphrase", root, err)

	stranger, _ := hybrid(t, "x")
	if _, err := Unwrap(info, stranger); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a stranger: got %v", err)
	}
	if _, err := UnwrapPassphrase(info, phrase+"."); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another passphrase: got %v", err)
	}
	other := newVault(t, Options{}, ann)
	theirs, err := other.Root()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if _, err := Open(v.dir, theirs, Options{}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("the root key of another vault: got %v", err)
	}
	theirs.vault, theirs.id = v.ring.vault, v.ring.root
	if _, err := Open(v.dir, theirs, Options{}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another root key under the name of this: got %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	_, ann := hybrid(t, "ann")
	for _, row := range []struct {
		name   string
		admins []NewAdmin
		want   string
	}{
		{"nobody", nil, "at least one admin"},
		{"a name that is a path", []NewAdmin{{Name: "../x", Recipient: ann.Recipient}}, "letters, digits and dashes"},
		{"two of one name", []NewAdmin{ann, ann}, "already"},
		{"no recipient", []NewAdmin{{Name: "a", Recipient: "age1nonsense"}}, "recipient"},
		{"two recipients in one", []NewAdmin{{Name: "a", Recipient: ann.Recipient + "\n" + ann.Recipient}}, "recipient"},
		{"a short passphrase", []NewAdmin{{Name: "a", Passphrase: "hunter2"}}, "16"},
	} {
		dir := filepath.Join(t.TempDir(), "vault")
		if _, err := Create(dir, row.admins, Options{}); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
		if _, err := Inspect(dir); !errors.Is(err, ErrNone) {
			t.Errorf("%s: there is something: %v", row.name, err)
		}
	}
	v := newVault(t, Options{}, ann)
	if _, err := Create(v.dir, []NewAdmin{ann}, Options{}); !errors.Is(err, ErrExists) {
		t.Errorf("a second time: %v", err)
	}
}

// TestRemovedAdmin: who was removed opens nothing any more, not even with the
// root key that they kept; everybody else does.
func TestRemovedAdmin(t *testing.T) {
	annKey, ann := hybrid(t, "ann")
	bobKey, bob := hybrid(t, "bob")
	const phrase = "correct horse battery staple"
	v := newVault(t, Options{WorkFactor: 10}, ann, bob, NewAdmin{Name: "cy", Passphrase: phrase})
	kept, err := v.Root()
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	before := seal(t, v, "runs", "a", "x")
	if err := v.RemoveAdmin("bob"); err != nil {
		t.Fatal(err)
	}
	if !stale(v, before) {
		t.Error("the data key is the one that bob may have kept")
	}
	if _, err := reopen(t, v.dir, Options{}, bobKey); !errors.Is(err, ErrWrongKey) {
		t.Errorf("bob: got %v", err)
	}
	if _, err := Open(v.dir, kept, Options{}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("the root key of before: got %v", err)
	}
	w, err := reopen(t, v.dir, Options{}, annKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Open("runs", "a", before); err != nil {
		t.Error(err)
	}
	info, err := Inspect(v.dir)
	if err != nil {
		t.Fatal(err)
	}
	root, err := UnwrapPassphrase(info, phrase)
	if err != nil {
		t.Fatalf("cy, whose passphrase nobody knew when the root key changed: %v", err)
	}
	root.Close()
	if err := v.RemoveAdmin("bob"); !errors.Is(err, ErrNoAdmin) {
		t.Errorf("again: %v", err)
	}
	if err := errors.Join(v.RemoveAdmin("cy"), v.RemoveAdmin("ann")); err == nil || !strings.Contains(err.Error(), "add another") {
		t.Errorf("the last one: %v", err)
	}
	names, err := os.ReadDir(filepath.Join(v.dir, adminsName))
	if err != nil || len(names) != 1 {
		t.Errorf("files of those who are gone: %v, %v", names, err)
	}
}

// TestInterruptedChange: when any write of a change fails, the vault opens as
// it was before; negative control: with all of them it has changed.
func TestInterruptedChange(t *testing.T) {
	for _, change := range []struct {
		name  string
		apply func(*Vault, NewAdmin) error
	}{
		{"remove", func(v *Vault, _ NewAdmin) error { return v.RemoveAdmin("bob") }},
		{"add", func(v *Vault, n NewAdmin) error { return v.AddAdmin(n) }},
		{"add a passphrase", func(v *Vault, _ NewAdmin) error {
			return v.AddAdmin(NewAdmin{Name: "cy", Passphrase: "correct horse battery staple"})
		}},
		{"rotate", func(v *Vault, _ NewAdmin) error { _, err := v.Rotate(); return err }},
	} {
		for n := 1; ; n++ {
			annKey, ann := hybrid(t, "ann")
			_, bob := hybrid(t, "bob")
			_, cy := hybrid(t, "cy")
			v := newVault(t, Options{WorkFactor: 10}, ann, bob)
			sealed := seal(t, v, "runs", "a", "x")
			serial, admins := v.ring.serial, len(v.ring.admins)
			writes := 0
			v.options.beforeWrite = func(string) error {
				if writes++; writes == n {
					return errors.New("disk full")
				}
				return nil
			}
			err := change.apply(v, cy)
			w, openErr := reopen(t, v.dir, Options{}, annKey)
			if openErr != nil {
				t.Fatalf("%s, write %d fails: %v", change.name, n, openErr)
			}
			for _, opened := range []*Vault{v, w} {
				if got, err := opened.Open("runs", "a", sealed); err != nil || string(got) != "x" {
					t.Errorf("%s, write %d fails: %q, %v", change.name, n, got, err)
				}
			}
			if err == nil {
				if w.ring.serial == serial {
					t.Errorf("%s: nothing has changed", change.name)
				}
				if n == 1 {
					t.Errorf("%s: it writes nothing", change.name)
				}
				break
			}
			if w.ring.serial != serial || len(w.ring.admins) != admins {
				t.Errorf("%s, write %d fails: half of it happened", change.name, n)
			}
			if info, err := Inspect(v.dir); err != nil || len(info.Admins) != admins {
				t.Errorf("%s, write %d fails: %d admins, %v", change.name, n, len(info.Admins), err)
			}
		}
	}
}
