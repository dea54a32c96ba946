package people

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var cheap = Cost{Time: 1, Memory: 64, Threads: 1}

func TestHash(t *testing.T) {
	h := NewHasher(cheap, 2)
	a, err := h.Hash(t.Context(), "correct horse battery staple")
	if err != nil || !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%q, %v", a, err)
	}
	b, _ := h.Hash(t.Context(), "correct horse battery staple")
	if a == b {
		t.Error("two hashes share a salt")
	}
	for _, row := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"the password", a, "correct horse battery staple", true},
		{"with another salt", b, "correct horse battery staple", true},
		{"another password", a, "correct horse battery stable", false},
		{"nothing", a, "", false},
		{"nobody", "", "correct horse battery staple", false},
	} {
		if got, err := h.Compare(t.Context(), row.hash, row.password); got != row.want || err != nil {
			t.Errorf("%s: %t, %v", row.name, got, err)
		}
	}
	// One that another cost made is still read.
	if got, err := NewHasher(Cost{2, 128, 2}, 1).Compare(t.Context(), a, "correct horse battery staple"); !got || err != nil {
		t.Errorf("a hash of another cost: %t, %v", got, err)
	}
	for _, bad := range []string{"x", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967295,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=0$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", a[:len(a)-4] + "****", a[:60]} {
		if got, err := h.Compare(t.Context(), bad, "x"); got || err == nil {
			t.Errorf("%q: %t, %v", bad, got, err)
		}
	}
}

// TestVector is the one of the reference implementation for argon2id, version
// 19, t = 2, m = 65536, p = 1 (phc-winner-argon2, test.c).
func TestVector(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := NewHasher(cheap, 1).Compare(t.Context(), hash, "password"); !ok || err != nil {
		t.Errorf("%t, %v", ok, err)
	}
}

// TestFewAtOnce: whoever comes when all places are taken waits, and leaves when
// told to.
func TestFewAtOnce(t *testing.T) {
	h := NewHasher(cheap, 2)
	var now, most atomic.Int32
	begun, hold := make(chan struct{}, 6), make(chan struct{})
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			err := h.do(context.Background(), func() {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				begun <- struct{}{}
				<-hold
				now.Add(-1)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	<-begun
	<-begun
	if _, err := h.Hash(ctx, "x"); err == nil {
		t.Error("a third hash was made beside two")
	}
	close(hold)
	all.Wait()
	if most.Load() != 2 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestWeak(t *testing.T) {
	for _, row := range []struct{ password, want string }{
		{"short1!", "has 7 characters"},
		{"password1234", "easy to guess"},
		{"aaaaaaaaaaaaaaaa", "easy to guess"},
		{"qwertyuiop123456", "easy to guess"},
		{"AdaLovelace1815", "anybody would try"},
		{"skerryskerry", "anybody would try"},
		{strings.Repeat("ab3 ", 40), "at most 128"},
		{"\xff\xfe345678901234", "not valid text"},
		{"glazed otter hums at noon", ""},
		{"vK3#pq9Lm2!zx7", ""},
		{"Бирюзовый кит читает вслух", ""},
	} {
		if got := Weak(row.password, "ada", "Ada Lovelace"); row.want == "" && got != "" || !strings.Contains(got, row.want) {
			t.Errorf("%q: %q, want %q", row.password, got, row.want)
		}
	}
}
