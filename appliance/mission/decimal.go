package mission

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/cockroachdb/apd/v3"
)

// decimalDigits bounds amounts: more digits than any currency needs, few
// enough that arithmetic stays cheap. A result that would need more is an
// error and never rounded.
const decimalDigits = 60

// exact refuses whatever would lose a digit.
var exact = apd.Context{
	Precision: decimalDigits, MaxExponent: 100, MinExponent: -100, Rounding: apd.RoundHalfUp,
	Traps: apd.DefaultTraps | apd.Inexact,
}

var (
	decimalType = types.NewOpaqueType("decimal")
	dateType    = types.NewOpaqueType("date")
)

// decimal is an exact decimal number as a CEL value.
type decimal struct{ apd.Decimal }

// parseDecimal reads digits with an optional sign and point. Exponents, which
// turn ten bytes into a thousand digits, are not amounts.
func parseDecimal(s string) (*decimal, error) {
	digits := strings.TrimPrefix(s, "-")
	whole, frac, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(frac) || len(digits) > decimalDigits {
		return nil, fmt.Errorf("%q is no decimal number; write digits with a point, such as -1234.50", clip(s, 40))
	}
	d := &decimal{}
	if _, _, err := d.SetString(s); err != nil {
		return nil, fmt.Errorf("%q is no decimal number: %w", clip(s, 40), err)
	}
	return d, nil
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// clip shortens a text that goes into a message.
func clip(s string, runes int) string {
	r := []rune(s)
	if len(r) <= runes {
		return s
	}
	return string(r[:runes]) + "…"
}

func (d *decimal) String() string { return d.Text('f') }

// asDecimal promotes an int; nil if v is no number.
func asDecimal(v ref.Val) *decimal {
	switch n := v.(type) {
	case *decimal:
		return n
	case types.Int:
		d := &decimal{}
		d.SetInt64(int64(n))
		return d
	}
	return nil
}

// arithmetic is +, - or * over exact decimals.
func arithmetic(op string, a, b *decimal) ref.Val {
	out := &decimal{}
	var err error
	switch op {
	case "_+_":
		_, err = exact.Add(&out.Decimal, &a.Decimal, &b.Decimal)
	case "_-_":
		_, err = exact.Sub(&out.Decimal, &a.Decimal, &b.Decimal)
	default:
		_, err = exact.Mul(&out.Decimal, &a.Decimal, &b.Decimal)
	}
	if err != nil {
		return types.NewErr("%s %s %s has more than %d digits", a, strings.Trim(op, "_"), b, decimalDigits)
	}
	return out
}

// ConvertToNative implements ref.Val; only the text form is offered.
func (d *decimal) ConvertToNative(t reflect.Type) (any, error) {
	if t.Kind() == reflect.String {
		return d.String(), nil
	}
	return nil, fmt.Errorf("a decimal is no %v", t)
}

// ConvertToType implements ref.Val.
func (d *decimal) ConvertToType(t ref.Type) ref.Val {
	switch t.TypeName() {
	case "string":
		return types.String(d.String())
	case "decimal":
		return d
	}
	return types.NewErr("a decimal is no %s", t.TypeName())
}

// Equal implements ref.Val: 1.10 equals 1.1.
func (d *decimal) Equal(other ref.Val) ref.Val {
	o := asDecimal(other)
	return types.Bool(o != nil && d.Cmp(&o.Decimal) == 0)
}

// Type implements ref.Val.
func (d *decimal) Type() ref.Type { return decimalType }

// Value implements ref.Val.
func (d *decimal) Value() any { return d.String() }

// date is a calendar day as a CEL value: midnight UTC.
type date struct{ time.Time }

func parseDate(s string) (date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return date{}, fmt.Errorf("%q is no date; write YYYY-MM-DD", clip(s, 40))
	}
	return date{t}, nil
}

func (d date) String() string { return d.Format(time.DateOnly) }

// days returns the number of days from o to d.
func (d date) days(o date) types.Int { return types.Int(d.Sub(o.Time) / (24 * time.Hour)) }

// ConvertToNative implements ref.Val; only the text form is offered.
func (d date) ConvertToNative(t reflect.Type) (any, error) {
	if t.Kind() == reflect.String {
		return d.String(), nil
	}
	return nil, fmt.Errorf("a date is no %v", t)
}

// ConvertToType implements ref.Val.
func (d date) ConvertToType(t ref.Type) ref.Val {
	switch t.TypeName() {
	case "string":
		return types.String(d.String())
	case "date":
		return d
	}
	return types.NewErr("a date is no %s", t.TypeName())
}

// Equal implements ref.Val.
func (d date) Equal(other ref.Val) ref.Val {
	o, ok := other.(date)
	return types.Bool(ok && d.Time.Equal(o.Time))
}

// Type implements ref.Val.
func (d date) Type() ref.Type { return dateType }

// Value implements ref.Val.
func (d date) Value() any { return d.String() }
