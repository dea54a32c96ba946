package vault

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// FuzzOpenValue: whatever stands where a value should, opening it yields what
// was sealed there or an error about damage; nobody without the keys makes a
// value that opens.
func FuzzOpenValue(f *testing.F) {
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		f.Fatal(err)
	}
	var ref vectors
	if err := json.Unmarshal(text, &ref); err != nil {
		f.Fatal(err)
	}
	v, _ := openVectors(f)
	known := map[string]string{}
	for _, row := range ref.Values {
		sealed, key := unhex(f, row.Sealed), string(unhex(f, row.Key))
		known[row.Bucket+"\x00"+key+"\x00"+string(sealed)] = row.Plain
		f.Add(row.Bucket, key, sealed)
		f.Add(row.Bucket, key, sealed[:valueMinimum-1])
	}
	f.Add("runs", "", []byte{})
	f.Add("runs", "", []byte{1, 0, 0, 0, 0})
	f.Add("runs", "", append([]byte{2, 0xff, 0xff, 0xff, 0xff}, make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, bucket, key string, sealed []byte) {
		plain, err := v.Open(bucket, key, sealed)
		want, ok := known[bucket+"\x00"+key+"\x00"+string(sealed)]
		switch {
		case ok && (err != nil || hex.EncodeToString(plain) != want):
			t.Errorf("got %x, %v; want %s", plain, err, want)
		case !ok && err == nil:
			t.Errorf("%x opens to %x", sealed, plain)
		case err != nil && !errors.Is(err, ErrDamaged) && len(bucket) <= 255:
			t.Errorf("got %v, want %v", err, ErrDamaged)
		}
		IsSealed(sealed)
	})
}

// FuzzKeyring: no bytes that are not a keyring, open or sealed, end the process
// or pass for one.
func FuzzKeyring(f *testing.F) {
	_, root := openVectors(f)
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		f.Fatal(err)
	}
	var ref vectors
	if err := json.Unmarshal(text, &ref); err != nil {
		f.Fatal(err)
	}
	body := unhex(f, ref.Body)
	f.Add(unhex(f, ref.Keyring), true)
	f.Add(body, false)
	f.Add([]byte{0, 65}, false)
	f.Add([]byte{}, false)
	p, err := newPage()
	if err != nil {
		f.Fatal(err)
	}
	copy(p.slot(0), root.page.slot(0))
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		if !whole { // what an attacker with the root key could write is for the parser alone
			aead, err := cipherFor(p.slot(0), root.vault[:], "skerry keyring")
			if err != nil {
				t.Fatal(err)
			}
			h := header{vault: root.vault, root: root.id, serial: 1}
			head := h.bytes()
			b = aead.Seal(head, nil, b, head)
		}
		r, err := decodeRing(b, p)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey) {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := r.encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRing(again, p); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
