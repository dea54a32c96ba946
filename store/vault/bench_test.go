package vault

import "testing"

// BenchmarkValue measures a value of 1 KiB, about an observation.
func BenchmarkValue(b *testing.B) {
	_, ann := hybrid(b, "ann")
	v := newVault(b, Options{}, ann)
	plain := make([]byte, 1024)
	key := "0123456789abcdef01234567"
	sealed, err := v.Seal("journal", key, plain)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("seal", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if _, err := v.Seal("journal", key, plain); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if _, err := v.Open("journal", key, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}
