package chat

import (
	"bytes"
	"fmt"
	"strconv"
)

// Bytes returns what stands for a control token in the vocabulary of a grammar:
// bytes that occur in no UTF-8 text, and so in no value of any schema. A form
// can demand them where the dialect has the token.
func Bytes(id int32) []byte { return fmt.Appendf(nil, "\xff%d\xfe", id) }

// Encode returns the tokens of text with control tokens in the form of [Bytes],
// where plain encodes what is between. A control token that is only begun at
// the end is left out.
func Encode(text string, plain func(string) ([]int32, error)) ([]int32, error) {
	var ids []int32
	rest := []byte(text)
	for len(rest) > 0 {
		before, after, found := bytes.Cut(rest, []byte{0xff})
		if len(before) > 0 {
			more, err := plain(string(before))
			if err != nil {
				return nil, err
			}
			ids = append(ids, more...)
		}
		if !found {
			break
		}
		digits, next, closed := bytes.Cut(after, []byte{0xfe})
		if !closed {
			break
		}
		id, err := strconv.ParseInt(string(digits), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is no control token", digits)
		}
		ids = append(ids, int32(id))
		rest = next
	}
	return ids, nil
}
