package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the test vectors anew")

const vectorsFile = "testdata/vectors.json"

// vectors hold one example of every layout, for other implementations. All
// bytes are in hex.
type vectors struct {
	Vault      string        `json:"vault"`
	RootID     string        `json:"rootId"`
	RootKey    string        `json:"rootKey"`
	Root       string        `json:"root"` // content of recipients/NAME.ROOT.age
	KeyringKey string        `json:"keyringKey"`
	Body       string        `json:"body"`
	Keyring    string        `json:"keyring"`
	Values     []vectorValue `json:"values"`
}

type vectorValue struct {
	Version   uint32 `json:"version"`
	Bucket    string `json:"bucket"`
	Key       string `json:"key"`
	BucketKey string `json:"bucketKey"`
	AAD       string `json:"aad"`
	Plain     string `json:"plain"`
	Sealed    string `json:"sealed"`
}

// pattern returns n bytes from first upwards.
func pattern(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// hkdf32 is RFC 5869 with SHA-256 for 32 bytes, written from the RFC.
func hkdf32(key, salt []byte, info string) []byte {
	extract := hmac.New(sha256.New, salt)
	extract.Write(key)
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write(append([]byte(info), 1))
	return expand.Sum(nil)
}

// gcm seals with a nonce that is given.
func gcm(t *testing.T, key, nonce, plain, aad []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return a.Seal(bytes.Clone(nonce), nonce, plain, aad)
}

// reference makes the vectors by the text of the package comment alone: it uses
// nothing of the package.
func reference(t *testing.T) vectors {
	t.Helper()
	vault, rootID, rootKey := pattern(0x10, 16), pattern(0x20, 8), pattern(0x40, 32)
	one, two := pattern(0x60, 32), pattern(0x80, 32)
	v := vectors{Vault: hex.EncodeToString(vault), RootID: hex.EncodeToString(rootID), RootKey: hex.EncodeToString(rootKey)}
	v.Root = hex.EncodeToString(bytes.Join([][]byte{[]byte("skerry root key 1\n"), vault, rootID, rootKey}, nil))

	head := bytes.Join([][]byte{[]byte("skerry keyring 1\n"), vault, rootID, {0, 0, 0, 0, 0, 0, 0, 7}}, nil)
	recipient := "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
	body := bytes.Join([][]byte{
		{0, 2},
		{0, 0, 0, 1}, {0, 0, 0, 0, 0x69, 0xa5, 0x4d, 0x10}, {0, 0, 0, 0, 0x80, 0, 0, 0}, one,
		{0, 0, 0, 2}, {0, 0, 0, 0, 0x6b, 0x86, 0x80, 0x90}, {0, 0, 0, 0, 0, 0x10, 0, 0}, two,
		{0, 1},
		{1}, {0, 0, 0, 0, 0x69, 0xa5, 0x4d, 0x10}, {3}, []byte("ann"), {0, byte(len(recipient))}, []byte(recipient),
	}, nil)
	key := hkdf32(rootKey, vault, "skerry keyring")
	v.KeyringKey, v.Body = hex.EncodeToString(key), hex.EncodeToString(body)
	v.Keyring = hex.EncodeToString(append(bytes.Clone(head), gcm(t, key, pattern(0xa0, 12), body, head)...))

	for _, row := range []struct {
		version     byte
		bucket, key string
		plain       string
	}{
		{1, "runs", "\x01\x02", "what was sealed before the rotation"},
		{2, "runs", "\x01\x02", "what was sealed after it"},
		{2, "settings", "site", ""},
	} {
		data := one
		if row.version == 2 {
			data = two
		}
		k := hkdf32(data, vault, "skerry bucket "+row.bucket)
		h := []byte{2, 0, 0, 0, row.version}
		aad := bytes.Join([][]byte{h, {byte(len(row.bucket))}, []byte(row.bucket), []byte(row.key)}, nil)
		v.Values = append(v.Values, vectorValue{Version: uint32(row.version), Bucket: row.bucket, Key: hex.EncodeToString([]byte(row.key)),
			BucketKey: hex.EncodeToString(k), AAD: hex.EncodeToString(aad), Plain: hex.EncodeToString([]byte(row.plain)),
			Sealed: hex.EncodeToString(append(h, gcm(t, k, pattern(0xb0, 12), []byte(row.plain), aad)...))})
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVectors: the vectors are what the specification says, and the vault reads
// them.
func TestVectors(t *testing.T) {
	text, err := json.MarshalIndent(reference(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(vectorsFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, text) {
		t.Fatalf("%s is not what the specification gives; if the layout changed on purpose, use -update", vectorsFile)
	}
	v, root := openVectors(t)
	if v.ring.serial != 7 || len(v.ring.admins) != 1 || v.ring.admins[0].Name != "ann" || v.ring.admins[0].Kind != ByRecipient || v.ring.last().used != 1<<20 {
		t.Errorf("keyring: %+v", v.ring)
	}
	if got := hex.EncodeToString(root.Append(nil)); got != reference(t).Root {
		t.Errorf("root key: %s", got)
	}
	for _, row := range reference(t).Values {
		got, err := v.Open(row.Bucket, string(unhex(t, row.Key)), unhex(t, row.Sealed))
		if err != nil || hex.EncodeToString(got) != row.Plain {
			t.Errorf("%s: got %x, %v", row.Bucket, got, err)
		}
	}
}

// openVectors opens the vault of the vectors.
func openVectors(t testing.TB) (*Vault, *Root) {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var ref vectors
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, adminsName), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyringName), unhex(t, ref.Keyring), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := ParseRoot(unhex(t, ref.Root))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Close)
	v, err := Open(dir, root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v, root
}
