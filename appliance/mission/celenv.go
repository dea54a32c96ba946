package mission

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
	"github.com/cockroachdb/apd/v3"

	"skerry/appliance/policy"
)

// Bounds of one expression. The cost limit is in units of cel-go, of which a
// comparison needs one and a character that is looked at a tenth: enough for
// several passes over a document of a million characters, and over in a second.
const (
	maxCost  = 1_000_000
	maxNodes = 2_000
	maxDepth = 64
)

// tableType is a lookup table of the policy; all one can do with it is ask.
var tableType = types.NewOpaqueType("table")

var (
	anyString = types.NewNullableType(types.StringType)
	anyInt    = types.NewNullableType(types.IntType)
	anyBool   = types.NewNullableType(types.BoolType)
)

// errAbsent says that an operand is null. Who evaluates says which.
const errAbsent = "a value is absent"

// newEnv returns the language of one mission: its variables, exact decimals in
// place of floats, dates, tables and the absence of values. No clock, no
// randomness, nothing that reads or writes.
func newEnv(vars map[string]*types.Type, structs *structProvider) (*cel.Env, error) {
	excluded := env.NewLibrarySubset()
	for _, f := range []string{operators.Equals, operators.NotEquals, operators.Divide, "dyn", "type", "timestamp", "duration", "double", "uint",
		"bytes", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds"} {
		excluded.AddExcludedFunctions(env.NewFunction(f))
	}
	excluded.SetDisableMacros(true) // has() would lie: an absent field is there, and null
	opts := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(excluded)),
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro),
		cel.CustomTypeProvider(structs),
		cel.ExpressionNodeLimit(maxNodes), cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(maxTextBytes),
		cel.ASTValidators(cel.ValidateRegexLiterals()), cel.RegexProgramSizeLimit(2_000),
		ext.Strings(ext.StringsVersion(1)),
	}
	opts = append(opts, equality()...)
	opts = append(opts, numbers()...)
	opts = append(opts, lookups()...)
	for name, t := range vars {
		opts = append(opts, cel.Variable(name, t))
	}
	return cel.NewCustomEnv(opts...)
}

// pairs are the types that can be compared for equality.
var pairs = []struct {
	name string
	a, b *types.Type
}{
	{"string", anyString, anyString}, {"int", anyInt, anyInt}, {"bool", anyBool, anyBool}, {"decimal", decimalType, decimalType},
	{"decimal_int", decimalType, anyInt}, {"int_decimal", anyInt, decimalType}, {"date", dateType, dateType},
}

// equality declares == and != type by type, so that comparing an amount with a
// text does not compile; in standard CEL it would be false at run time. The
// evaluation is in [operator].
func equality() []cel.EnvOption {
	var eq, ne []cel.FunctionOpt
	for _, p := range pairs {
		eq = append(eq, cel.Overload("equals_"+p.name, []*types.Type{p.a, p.b}, types.BoolType))
		ne = append(ne, cel.Overload("not_equals_"+p.name, []*types.Type{p.a, p.b}, types.BoolType))
	}
	eq = append(eq, cel.SingletonBinaryBinding(func(a, b ref.Val) ref.Val { return types.Equal(a, b) }))
	ne = append(ne, cel.SingletonBinaryBinding(func(a, b ref.Val) ref.Val { return !types.Equal(a, b).(types.Bool) }))
	return []cel.EnvOption{cel.Function(operators.Equals, eq...), cel.Function(operators.NotEquals, ne...)}
}

// numbers declares arithmetic and order over decimals and dates.
func numbers() []cel.EnvOption {
	var out []cel.EnvOption
	d, i := decimalType, types.IntType
	for name, op := range map[string]string{"add": operators.Add, "subtract": operators.Subtract, "multiply": operators.Multiply} {
		out = append(out, cel.Function(op,
			cel.Overload(name+"_decimal", []*types.Type{d, d}, d),
			cel.Overload(name+"_decimal_int", []*types.Type{d, i}, d),
			cel.Overload(name+"_int_decimal", []*types.Type{i, d}, d)))
	}
	for name, op := range map[string]string{"less": operators.Less, "less_equals": operators.LessEquals, "greater": operators.Greater, "greater_equals": operators.GreaterEquals} {
		out = append(out, cel.Function(op,
			cel.Overload(name+"_decimal", []*types.Type{d, d}, types.BoolType),
			cel.Overload(name+"_decimal_int", []*types.Type{d, i}, types.BoolType),
			cel.Overload(name+"_int_decimal", []*types.Type{i, d}, types.BoolType),
			cel.Overload(name+"_date", []*types.Type{dateType, dateType}, types.BoolType)))
	}
	return append(out,
		cel.Function(operators.Negate, cel.Overload("negate_decimal", []*types.Type{d}, d)),
		cel.Function(operators.Subtract, cel.Overload("subtract_date", []*types.Type{dateType, dateType}, i)),
		cel.Function("decimal",
			cel.Overload("decimal_string", []*types.Type{types.StringType}, d, cel.UnaryBinding(func(v ref.Val) ref.Val {
				out, err := parseDecimal(string(v.(types.String)))
				if err != nil {
					return types.WrapErr(err)
				}
				return out
			})),
			cel.Overload("decimal_int64", []*types.Type{i}, d, cel.UnaryBinding(func(v ref.Val) ref.Val { return asDecimal(v) }))),
		cel.Function("date", cel.Overload("date_string", []*types.Type{types.StringType}, dateType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			out, err := parseDate(string(v.(types.String)))
			if err != nil {
				return types.WrapErr(err)
			}
			return out
		}))),
		cel.Function("string",
			cel.Overload("decimal_to_string", []*types.Type{d}, types.StringType, cel.UnaryBinding(text)),
			cel.Overload("date_to_string", []*types.Type{dateType}, types.StringType, cel.UnaryBinding(text))),
		cel.Function("sum",
			cel.Overload("sum_decimals", []*types.Type{types.NewListType(d)}, d),
			cel.Overload("sum_ints", []*types.Type{types.NewListType(anyInt)}, i),
			cel.SingletonUnaryBinding(sum)),
		cel.Function("abs",
			cel.Overload("abs_decimal", []*types.Type{d}, d),
			cel.SingletonUnaryBinding(func(v ref.Val) ref.Val {
				n := asDecimal(v)
				if n == nil {
					return types.NewErr(errAbsent)
				}
				out := &decimal{}
				out.Abs(&n.Decimal)
				return out
			})),
		cel.Function("round",
			cel.Overload("round_decimal_int", []*types.Type{d, i}, d),
			cel.SingletonBinaryBinding(round)),
	)
}

func text(v ref.Val) ref.Val { return v.ConvertToType(types.StringType) }

// sum adds up a list. A list with an absent element has no sum.
func sum(v ref.Val) ref.Val {
	l, ok := v.(traits.Lister)
	if !ok {
		return types.NewErr(errAbsent)
	}
	var total ref.Val = types.Int(0)
	for it := l.Iterator(); it.HasNext() == types.True; {
		total = operate(operators.Add, total, it.Next())
		if types.IsError(total) {
			return total
		}
	}
	if total == types.Int(0) {
		return &decimal{} // equals the int 0 as well
	}
	return total
}

// round rounds half away from zero, as invoices do, to a number of decimal
// places.
func round(v, places ref.Val) ref.Val {
	n, p := asDecimal(v), places.(types.Int)
	switch {
	case n == nil:
		return types.NewErr(errAbsent)
	case p < 0 || p > 10:
		return types.NewErr("round to 0 to 10 places, not %d", p)
	}
	loose := exact
	loose.Traps = apd.DefaultTraps
	out := &decimal{}
	if _, err := loose.Quantize(&out.Decimal, &n.Decimal, -int32(p)); err != nil {
		return types.NewErr("%s cannot be rounded to %d places", n, p)
	}
	return out
}

// table is a lookup table as a CEL value. It notes what was found, for the
// evidence.
type table struct {
	policy.Table
	found *[]policy.Mention
}

// lookups declares mentioned_in, and or, which stands in for absent values.
func lookups() []cel.EnvOption {
	or := []cel.FunctionOpt{}
	for _, p := range pairs {
		if p.name == "int_decimal" {
			continue // an absent int is no decimal
		}
		or = append(or, cel.MemberOverload("or_"+p.name, []*types.Type{p.a, p.b}, p.a))
	}
	or = append(or, cel.SingletonBinaryBinding(func(v, instead ref.Val) ref.Val {
		if v == types.NullValue {
			return instead
		}
		return v
	}))
	return []cel.EnvOption{
		cel.Function("or", or...),
		cel.Function("mentioned_in",
			cel.MemberOverload("table_mentioned_in", []*types.Type{tableType, anyString}, types.BoolType),
			cel.SingletonBinaryBinding(func(t, text ref.Val) ref.Val {
				s, ok := text.(types.String)
				if !ok {
					return types.NewErr(errAbsent)
				}
				found := t.(*tableVal).MentionedIn(string(s))
				if f := t.(*tableVal).found; f != nil {
					*f = append(*f, found...)
				}
				return types.Bool(len(found) > 0)
			})),
	}
}

// operate is + - * and the comparisons over values that are there. Ints meet
// decimals as decimals.
func operate(op string, a, b ref.Val) ref.Val {
	if op == operators.Equals {
		return equal(a, b)
	}
	if op == operators.NotEquals {
		return !equal(a, b)
	}
	if a == types.NullValue || b == types.NullValue {
		return types.NewErr(errAbsent)
	}
	switch op {
	case operators.Add, operators.Subtract, operators.Multiply:
		if isDecimal(a) || isDecimal(b) {
			x, y := asDecimal(a), asDecimal(b)
			if x == nil || y == nil {
				return types.MaybeNoSuchOverloadErr(a)
			}
			return arithmetic(op, x, y)
		}
		if x, ok := a.(date); ok && op == operators.Subtract {
			if y, ok := b.(date); ok {
				return x.days(y)
			}
		}
		return plain(op, a, b)
	}
	c, ok := compare(a, b)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a)
	}
	switch op {
	case operators.Less:
		return types.Bool(c < 0)
	case operators.LessEquals:
		return types.Bool(c <= 0)
	case operators.Greater:
		return types.Bool(c > 0)
	default:
		return types.Bool(c >= 0)
	}
}

func isDecimal(v ref.Val) bool { _, ok := v.(*decimal); return ok }

// equal compares two values, of which one may be absent.
func equal(a, b ref.Val) types.Bool {
	if isDecimal(b) { // an int on the left does not know decimals
		a, b = b, a
	}
	return types.Equal(a, b) == types.True
}

func compare(a, b ref.Val) (int, bool) {
	if isDecimal(a) || isDecimal(b) {
		if x, y := asDecimal(a), asDecimal(b); x != nil && y != nil {
			return x.Cmp(&y.Decimal), true
		}
		return 0, false
	}
	if x, ok := a.(date); ok {
		y, ok := b.(date)
		return x.Compare(y.Time), ok
	}
	if x, ok := a.(traits.Comparer); ok {
		if c, ok := x.Compare(b).(types.Int); ok {
			return int(c), true
		}
	}
	return 0, false
}

// plain is standard CEL arithmetic over ints, texts and lists.
func plain(op string, a, b ref.Val) ref.Val {
	switch op {
	case operators.Add:
		if x, ok := a.(traits.Adder); ok {
			return x.Add(b)
		}
	case operators.Subtract:
		if x, ok := a.(traits.Subtractor); ok {
			return x.Subtract(b)
		}
	case operators.Multiply:
		if x, ok := a.(traits.Multiplier); ok {
			return x.Multiply(b)
		}
	}
	return types.MaybeNoSuchOverloadErr(a)
}

// operator replaces the evaluation of an arithmetic or comparison node. In
// standard CEL the left operand decides what an operation means; here an int
// on the left of a decimal must work too, and an absent operand is told apart
// from a wrong one.
type operator struct {
	interpreter.InterpretableCall
	strict bool // == and != with an absent operand are errors, unless the author wrote null
}

// Eval implements interpreter.Interpretable.
func (o *operator) Eval(a interpreter.Activation) ref.Val { return o.Exec(interpreter.AsFrame(a)) }

// Exec implements interpreter.InterpretableV2.
func (o *operator) Exec(f *interpreter.ExecutionFrame) ref.Val {
	args := o.Args()
	vals := make([]ref.Val, len(args))
	for i, a := range args {
		if vals[i] = a.Exec(f); types.IsUnknownOrError(vals[i]) {
			return vals[i]
		}
	}
	op := o.Function()
	if op == operators.Negate {
		if n, ok := vals[0].(types.Int); ok {
			return n.Negate()
		}
		if vals[0] == types.NullValue {
			return types.NewErr(errAbsent)
		}
		return operate(operators.Subtract, types.Int(0), vals[0])
	}
	if o.strict && (vals[0] == types.NullValue || vals[1] == types.NullValue) && !literalNull(args[0]) && !literalNull(args[1]) {
		return types.NewErr(errAbsent)
	}
	return operate(op, vals[0], vals[1])
}

func literalNull(i interpreter.InterpretableV2) bool {
	c, ok := i.(interpreter.InterpretableConst)
	return ok && c.Value() == types.NullValue
}

// decorate puts [operator] in place of the nodes that it evaluates.
func decorate(strict bool) interpreter.InterpretableDecoratorV2 {
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		call, ok := i.(interpreter.InterpretableCall)
		if !ok {
			return i, nil
		}
		switch call.Function() {
		case operators.Add, operators.Subtract, operators.Multiply, operators.Negate, operators.Equals, operators.NotEquals,
			operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			return &operator{InterpretableCall: call, strict: strict}, nil
		}
		return i, nil
	}
}
