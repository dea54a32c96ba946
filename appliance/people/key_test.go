package people

import (
	"regexp"
	"testing"
)

// TestKey: keys are found by the pattern that is told to those who look for
// secrets, and by nothing less.
func TestKey(t *testing.T) {
	form := regexp.MustCompile(`^skerry_key_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		key, err := NewKey()
		if err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(key) || !IsKey(key) || seen[key] {
			t.Fatalf("%s is no key, or was there before", key)
		}
		seen[key] = true
		for i := range key {
			changed := []byte(key)
			if changed[i]++; IsKey(string(changed)) {
				t.Errorf("%s passes, which is %s with another character at %d", changed, key, i)
			}
		}
		for _, s := range []string{"", key[1:], key[:len(key)-1], key + "0", "x" + key} {
			if IsKey(s) {
				t.Errorf("%q passes", s)
			}
		}
	}
	// A key that zlib's crc32 and 62 digits, 0-9 A-Z a-z, make elsewhere too.
	if known := "skerry_key_00000000000000000000000000000000000000000002TF3R6"; !IsKey(known) {
		t.Errorf("%s is no key", known)
	}
}
