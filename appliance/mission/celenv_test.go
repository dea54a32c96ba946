package mission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"pgregory.net/rapid"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// vars is an activation that holds its values.
type vars map[string]ref.Val

func (v vars) ResolveName(name string) (any, bool) { x, ok := v[name]; return x, ok }
func (v vars) Parent() interpreter.Activation      { return nil }

// testLanguage is one invoice with lines, and a table.
func testLanguage(t testing.TB, invoice string) (*language, vars) {
	t.Helper()
	s := &structProvider{Registry: types.NewEmptyRegistry(), structs: map[string]map[string]*types.Type{}}
	step := &Step{ID: "invoice", Extract: &Extract{Fields: []llm.Field{
		{Name: "number", Type: llm.TypeString}, {Name: "issued", Type: llm.TypeDate}, {Name: "due", Type: llm.TypeDate},
		{Name: "net", Type: llm.TypeDecimal}, {Name: "tax", Type: llm.TypeDecimal, Nullable: true}, {Name: "total", Type: llm.TypeDecimal},
		{Name: "count", Type: llm.TypeInteger}, {Name: "paid", Type: llm.TypeBoolean}, {Name: "terms", Type: llm.TypeString, Nullable: true},
		{Name: "lines", Type: llm.TypeList, Of: []llm.Field{{Name: "text", Type: llm.TypeString}, {Name: "amount", Type: llm.TypeDecimal}}},
	}}}
	it := s.output("step.invoice", step, CompileEnv{}, 0)
	tt := s.add("tables", map[string]*types.Type{"unusual": tableType})
	l, err := newLanguage(map[string]*types.Type{"invoice": it, "tables": tt}, s)
	if err != nil {
		t.Fatal(err)
	}
	row := policy.Table{Rows: []policy.Row{{Key: "set-off", Names: []string{"set-off"}}}}
	return l, vars{
		"invoice": s.value(it, json.RawMessage(invoice)),
		"tables":  object(map[string]ref.Val{"unusual": newTable(row, nil)}),
	}
}

const anInvoice = `{"number":"R-1","issued":"2026-02-03","due":"2026-03-05","net":"100.10","tax":null,"total":"119","count":2,"paid":false,"terms":null,
	"lines":[{"text":"a","amount":"0.1"},{"text":"b","amount":"100.00"}]}`

func TestExpressionsMeanWhatTheySay(t *testing.T) {
	l, v := testLanguage(t, anInvoice)
	for _, row := range []struct{ expr, want string }{
		{`sum(invoice.lines.amount) == invoice.net`, "true"},
		{`sum(invoice.lines.map(l, l.amount)) == invoice.net`, "true"},
		{`sum(invoice.lines.filter(l, l.amount > 1).map(l, l.amount))`, "100.00"},
		{`invoice.lines.all(l, l.amount > 0)`, "true"},
		{`invoice.lines.exists(l, l.text == "b" && l.amount == 100)`, "true"},
		{`size(invoice.lines)`, "2"},
		{`0.1 + 0.2 == 0.3`, "true"},
		{`invoice.net + 18.90 == invoice.total`, "true"},
		{`119 == invoice.total && invoice.total == 119 && 119 <= invoice.total && invoice.total >= 119`, "true"},
		{`118.99 < invoice.total && 119.01 > invoice.total && 119 != invoice.net`, "true"},
		{`2 * invoice.net - 100 + -invoice.net`, "0.10"},
		{`-1 * invoice.count`, "-2"},
		{`invoice.net + invoice.tax.or(0)`, "100.10"},
		{`invoice.net + invoice.tax.or(18.9) == invoice.total`, "true"},
		{`invoice.terms.or("none")`, "none"},
		{`invoice.tax == null && invoice.total != null && invoice.terms == null`, "true"},
		{`invoice.due - invoice.issued`, "30"},
		{`invoice.issued < invoice.due && invoice.due > date("2026-03-04")`, "true"},
		{`invoice.issued == date("2026-02-03")`, "true"},
		{`round(invoice.net * 0.19, 2)`, "19.02"},
		{`round(decimal("-2.345"), 2)`, "-2.35"},
		{`abs(invoice.net - invoice.total)`, "18.90"},
		{`tables.unusual.mentioned_in("payable by set-off only")`, "true"},
		{`tables.unusual.mentioned_in(invoice.terms.or(""))`, "false"},
		{`invoice.number.startsWith("R") && invoice.number in ["R-1", "R-2"]`, "true"},
		{`invoice.number + "/" + string(invoice.total)`, "R-1/119"},
		{`!invoice.paid && invoice.count == 2`, "true"},
		{`invoice.total > 100 ? "a lot" : "little"`, "a lot"},
		{`invoice.terms == "net 30"`, "false"},
		{`invoice.tax > 5 || invoice.total > 5`, "true"}, // what is known decides
		{`sum(invoice.lines.filter(l, false).map(l, l.amount)) == 0`, "true"},
	} {
		x, iss := l.compile(row.expr, false, nil)
		if iss != nil {
			t.Errorf("%s: %v", row.expr, iss)
			continue
		}
		got, _, err := x.program.Eval(v)
		if err != nil {
			t.Errorf("%s: %v", row.expr, err)
			continue
		}
		if s := fmt.Sprint(got.Value()); s != row.want {
			t.Errorf("%s = %s, want %s", row.expr, s, row.want)
		}
	}
}

func TestAbsentValuesAreNotGuessed(t *testing.T) {
	l, v := testLanguage(t, anInvoice)
	for _, row := range []struct {
		expr   string
		strict bool
	}{
		{`invoice.tax > 0`, false},
		{`invoice.net + invoice.tax == invoice.total`, false},
		{`0 < invoice.tax`, false},
		{`-invoice.tax < 0`, false},
		{`abs(invoice.tax) >= 0`, false},
		{`sum([invoice.net, invoice.tax]) > 0`, false},
		{`tables.unusual.mentioned_in(invoice.terms)`, false},
		{`invoice.tax == invoice.total`, true},
		{`invoice.tax != invoice.total`, true},
		{`invoice.terms != "net 30"`, true},
	} {
		x, iss := l.compile(row.expr, row.strict, nil)
		if iss != nil {
			t.Errorf("%s: %v", row.expr, iss)
			continue
		}
		if got, _, err := x.program.Eval(v); err == nil {
			t.Errorf("%s = %v, want an error", row.expr, got)
		}
	}
}

func TestWhatMakesNoSenseDoesNotCompile(t *testing.T) {
	l, _ := testLanguage(t, anInvoice)
	for _, row := range []struct{ expr, want string }{
		{`invoce.total > 1`, `there is no "invoce" here; did you mean "invoice"?`},
		{`invoice.totl > 1`, `there is no field "totl"; did you mean "total"?`},
		{`tables.unusal.mentioned_in("x")`, `did you mean "unusual"?`},
		{`summ(invoice.lines.amount)`, `did you mean "sum"?`},
		{`invoice.total > "100"`, `> does not apply to (decimal, string)`},
		{`invoice.total == "100"`, `== does not apply to (decimal, string)`},
		{`invoice.number + 1`, `+ does not apply to (string, int)`},
		{`invoice.total / 2`, `/ is not offered`},
		{`invoice.issued > "2026-01-01"`, `> does not apply to (date, string)`},
		{`invoice.terms.or(1)`, `or does not apply`},
		{`has(invoice.tax)`, `there is no function "has"`},
		{`dyn(invoice.total)`, `there is no function "dyn"`},
		{`now()`, `there is no function "now"`},
		{`invoice.total >`, `yntax error`},
		{`invoice.total`, `yields decimal, where bool is needed`},
		{`invoice.number.matches("[")`, `invalid matches argument`},
		{strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), `recursion`},
	} {
		x, iss := l.compile(row.expr, false, types.BoolType)
		if iss == nil {
			t.Errorf("%s compiled: %v", row.expr, x.refs)
			continue
		}
		if !strings.Contains(fmt.Sprint(iss), row.want) {
			t.Errorf("%s: %v, want %s", row.expr, iss, row.want)
		}
	}
}

func TestReferencesAreFound(t *testing.T) {
	l, _ := testLanguage(t, anInvoice)
	for _, hidden := range []string{`{"a": invoice.total}["a"] > 1`, `[invoice.total][0] > 1`, `[1].exists(x, x > invoice.count)`, `(invoice.paid ? invoice.total : invoice.net) > 1`} {
		x, iss := l.compile(hidden, false, types.BoolType)
		if iss != nil || !slices.Equal(x.refs, []string{"invoice"}) {
			t.Errorf("%s: %v, %v", hidden, x, iss)
		}
	}
	x, iss := l.compile(`sum(invoice.lines.amount) == invoice.total + invoice.tax.or(0) && invoice.lines.all(l, l.amount > 0) && !invoice.broken`, false, types.BoolType)
	if iss != nil {
		t.Fatal(iss)
	}
	if got := strings.Join(x.chains, " "); got != "invoice.lines invoice.total invoice.tax invoice.lines invoice.broken" || strings.Join(x.refs, " ") != "invoice" {
		t.Errorf("refs %v, chains %s", x.refs, got)
	}
}

func TestAnExpensiveExpressionIsStopped(t *testing.T) {
	rows := make([]string, 400)
	for i := range rows {
		rows[i] = `{"text":"x","amount":"1"}`
	}
	l, v := testLanguage(t, `{"lines":[`+strings.Join(rows, ",")+`]}`)
	x, iss := l.compile(`invoice.lines.all(a, invoice.lines.all(b, invoice.lines.all(c, a.amount + b.amount + c.amount > 0)))`, false, nil)
	if iss != nil {
		t.Fatal(iss)
	}
	if _, _, err := x.program.Eval(v); err == nil || !strings.Contains(err.Error(), "cost") {
		t.Errorf("got %v, want the cost limit", err)
	}
}

// TestDecimalArithmeticIsExact: what + and - do to cents is what they do to
// whole numbers of cents.
func TestDecimalArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(-1e12, 1e12)
		a, b := cents.Draw(t, "a"), cents.Draw(t, "b")
		x, y := fromCents(t, a), fromCents(t, b)
		for op, want := range map[string]int64{"_+_": a + b, "_-_": a - b} {
			got := operate(op, x, y)
			if w := fromCents(t, want); got.Equal(w) != types.True {
				t.Errorf("%v %s %v = %v, want %v", x, op, y, got.Value(), w)
			}
		}
		if c, _ := compare(x, y); (c < 0) != (a < b) || (c == 0) != (a == b) {
			t.Errorf("%v compared to %v is %d", x, y, c)
		}
		if back, err := parseDecimal(x.String()); err != nil || back.Cmp(&x.Decimal) != 0 {
			t.Errorf("%v read again is %v (%v)", x, back, err)
		}
	})
}

func fromCents(t interface{ Fatal(...any) }, c int64) *decimal {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	d, err := parseDecimal(fmt.Sprintf("%s%d.%02d", sign, c/100, c%100))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalsAreDigitsOnly(t *testing.T) {
	for _, s := range []string{"", "-", "1e9", "1E+999999999", "NaN", "Infinity", "1,000.00", ".5", "5.", "+1", " 1", strings.Repeat("9", 61)} {
		if d, err := parseDecimal(s); err == nil {
			t.Errorf("%q was read as %v", s, d)
		}
	}
}

// FuzzExpression: whatever an author writes compiles or is refused with words,
// and what compiles can be evaluated, explained and stopped.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`sum(invoice.lines.amount) == invoice.net`, `invoice.lines.all(l, l.amount > 0.5)`, `tables.unusual.mentioned_in(invoice.terms.or(""))`,
		`{"a": [invoice.total]}["a"][0] > 1`, `invoice.number.matches("[0-9]+")`, `-invoice.net * 2 - round(1.5, 0) < 3 || invoice.paid`, `x.?y[?0]`, `invoice{total: 1}`,
		`date("2026-01-01") - invoice.issued > 3 ? "a" + invoice.number : "b".upperAscii()`,
	} {
		f.Add(s)
	}
	l, v := testLanguage(f, anInvoice)
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 200 { // a long one takes the time of many short ones
			return
		}
		x, iss := l.compile(src, len(src)%2 == 0, nil)
		if x == nil {
			if len(iss) == 0 || iss[0].message == "" {
				t.Fatalf("%q is refused without a word", src)
			}
			return
		}
		s := &scheduler{run: &Run{}, plan: &Plan{structs: l.structs}}
		env := s.scope(nil, nil)
		env.cache = v
		_, _ = env.eval(x)
		_ = env.detail(x)
		_ = env.causes(x)
	})
}
