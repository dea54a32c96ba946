package audit

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var update = flag.Bool("update", false, "rewrite testdata")

// vectors are the steps of the format, for other implementations. Bytes are in
// hex.
type vectors struct {
	Comment  string         `json:"comment"`
	K0       string         `json:"k0"`
	K1       string         `json:"k1"`
	Fresh    string         `json:"fresh"`
	Ck0      string         `json:"ck0"` // of fresh and K1
	Commit   string         `json:"commit"`
	Before   string         `json:"before"` // leaf before the first record
	Records  []vectorRecord `json:"records"`
	Roots    []string       `json:"roots"` // over the first 1, 2, 3 … of the records' frames
	Seed     string         `json:"seed"`
	Keys     []string       `json:"keys"`
	Note     string         `json:"note"`    // over the last root
	Witness  string         `json:"witness"` // its seed is that of Ed25519
	Cosigned string         `json:"cosignedMessage"`
}

type vectorRecord struct {
	Seq   uint64 `json:"seq"`
	Text  string `json:"text"`
	Mk    string `json:"mk"`
	Frame string `json:"frame"`
	Leaf  string `json:"leaf"`
}

func counting(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// TestVectors: the code still does what the file says.
func TestVectors(t *testing.T) {
	got := makeVectors(t)
	const path = "testdata/vectors.json"
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, append(b, '\n'))
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := strictJSON(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func makeVectors(t *testing.T) vectors {
	x := func(b []byte) string { return hex.EncodeToString(b) }
	k0, fresh := key(counting(0, 32)), key(counting(0x20, 32))
	k1 := nextChain(k0)
	r := newRatchet(fresh, k1)
	v := vectors{
		Comment: "Steps of " + Format + ". Bytes are in hex. The package comment says how each follows from those before.",
		K0:      x(k0[:]), K1: x(k1[:]), Fresh: x(fresh[:]), Ck0: x(r.ck[:]), Commit: x(r.commitment()),
	}
	leaf := tlog.RecordHash([]byte("the header's frame"))
	v.Before = x(leaf[:])
	var tree frontier
	for i, text := range []string{`{"action":"a"}`, `{"action":"b","object":"` + string(make257()) + `"}`, `{"action":"c"}`} {
		mk := r.next()
		plain := padded([]byte(text))
		raw := appendFrame(nil, kindRecord, uint64(i+1), len(plain)+sealOverhead, func(dst, head []byte) []byte {
			return sealRecord(dst, mk, plain, head, leaf)
		})
		leaf = tlog.RecordHash(raw)
		tree.add(leaf)
		root := tree.root()
		v.Roots = append(v.Roots, x(root[:]))
		v.Records = append(v.Records, vectorRecord{uint64(i + 1), text, x(mk[:]), x(raw), x(leaf[:])})
	}
	seed := counting(0x40, signSeedBytes)
	origin := originPrefix + x(counting(0, 16))
	signers, keys, err := newSigners(origin, seed)
	if err != nil {
		t.Fatal(err)
	}
	v.Seed, v.Keys = x(seed), keys
	c := Checkpoint{origin, tree.size, tree.root()}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	v.Note = string(signed)
	v.Witness = (&Witness{Name: "witness", Seed: seed[:32]}).Key()
	v.Cosigned = string(cosignedMessage(1_800_000_000, []byte(c.Text())))
	return v
}

func make257() []byte {
	b := make([]byte, 257)
	for i := range b {
		b[i] = 'x'
	}
	return b
}
