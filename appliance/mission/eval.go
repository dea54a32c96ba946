package mission

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// scope is what the expressions of one step, for one element of each list
// around it, see of the run. It makes values when they are asked for.
type scope struct {
	s     *scheduler
	n     *node
	idx   []int
	own   json.RawMessage // output of the step itself that is not settled yet
	found *[]policy.Mention
	cache map[string]ref.Val
}

var _ interpreter.Activation = (*scope)(nil)

func (s *scheduler) scope(n *node, idx []int) *scope {
	return &scope{s: s, n: n, idx: idx, cache: map[string]ref.Val{}}
}

// Parent implements interpreter.Activation.
func (c *scope) Parent() interpreter.Activation { return nil }

// ResolveName implements interpreter.Activation.
func (c *scope) ResolveName(name string) (any, bool) {
	if name == "tables" { // holds the place to note mentions
		return c.tables(), true
	}
	if v, ok := c.cache[name]; ok {
		return v, true
	}
	v := c.resolve(name)
	if v == nil {
		return nil, false
	}
	c.cache[name] = v
	return v, true
}

func (c *scope) resolve(name string) ref.Val {
	switch name {
	case "input":
		return c.input()
	case "run":
		r := c.s.run
		return object(map[string]ref.Val{
			"id": types.String(r.ID), "class": types.String(r.Class), "mission": types.String(r.Mission), "by": types.String(r.By.Name), "started": day(r),
		})
	}
	if c.n != nil {
		around := c.n.each
		for i := len(around) - 1; i >= 0; i-- {
			if e := around[i]; e.Each.As == name {
				if o := c.s.state(e, c.idx[:i]).Opened; o != nil && c.idx[i] < len(o.Items) {
					return c.s.plan.structs.value(e.elem, o.Items[c.idx[i]])
				}
				return types.NullValue
			}
		}
	}
	n := c.s.plan.nodes[name]
	if n == nil || len(n.each) > len(c.idx) {
		return nil
	}
	if c.n == n && c.own != nil {
		return c.s.plan.outputValue(n, &SettledData{Output: c.own})
	}
	return c.s.plan.outputValue(n, c.s.state(n, c.idx[:len(n.each)]).Settled)
}

func day(r *Run) ref.Val {
	d, err := parseDate(r.CreatedAt.UTC().Format("2006-01-02"))
	if err != nil {
		return types.NullValue
	}
	return d
}

// outputValue returns what expressions see of a step; all null where it has
// not settled.
func (p *Plan) outputValue(n *node, d *SettledData) ref.Val {
	if d == nil {
		return p.structs.value(n.typ, nil)
	}
	return p.structs.value(n.typ, withFlags(d))
}

// withFlags returns the output with what every step says about itself.
func withFlags(d *SettledData) json.RawMessage {
	out := map[string]json.RawMessage{}
	_ = json.Unmarshal(d.Output, &out) // an output that is no object has no fields
	if out == nil {
		out = map[string]json.RawMessage{}
	}
	out["skipped"], out["broken"] = jsonOf(d.Skipped && !d.Broken), jsonOf(d.Broken)
	return jsonOf(out)
}

// jsonOf encodes what cannot fail to encode.
func jsonOf(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

func (c *scope) input() ref.Val {
	out := map[string]ref.Val{}
	for _, f := range c.s.plan.mission.Input {
		in := c.s.run.Input[f.Name]
		if f.Type != InputDocument {
			out[f.Name] = scalarValue(scalarType(llm.FieldType(f.Type)), in.JSON)
			continue
		}
		doc := map[string]ref.Val{"text": types.NullValue, "name": types.NullValue}
		if in.Document != nil {
			doc["name"] = types.String(in.Document.Name)
			if text, ok := c.s.facts.Texts[f.Name]; ok {
				doc["text"] = types.String(text)
			}
		}
		out[f.Name] = object(doc)
	}
	return object(out)
}

func (c *scope) tables() ref.Val {
	out := map[string]ref.Val{}
	if p := c.s.facts.Policy; p != nil {
		for name, t := range p.Tables {
			out[name] = newTable(t, c.found)
		}
	}
	return object(out)
}

// eval evaluates an expression. Where that fails because something is absent,
// the error says what.
func (c *scope) eval(x *expression) (ref.Val, error) {
	return c.run(x, x.program)
}

func (c *scope) run(x *expression, program cel.Program) (ref.Val, error) {
	v, _, err := program.Eval(c)
	if err == nil && v != nil && !types.IsUnknownOrError(v) {
		return v, nil
	}
	if err == nil {
		err = fmt.Errorf("%v", v)
	}
	if absent := c.absent(x); len(absent) > 0 {
		verb := "is"
		if len(absent) > 1 {
			verb = "are"
		}
		return nil, fmt.Errorf("%s %s absent", strings.Join(absent, " and "), verb)
	}
	return nil, fmt.Errorf("%s", clip(err.Error(), 200))
}

// absent returns the references of x that lead to nothing.
func (c *scope) absent(x *expression) []string {
	var out []string
	for _, chain := range x.chains {
		parts := strings.Split(chain, ".")
		v, ok := c.ResolveName(parts[0])
		val, isVal := v.(ref.Val)
		if !ok || !isVal {
			continue
		}
		for _, p := range parts[1:] {
			m, ok := val.(traits.Mapper)
			if !ok {
				break
			}
			if val, ok = m.Find(types.String(p)); !ok {
				val = types.NullValue
			}
		}
		if val == types.NullValue && !slices.Contains(out, chain) {
			out = append(out, chain)
		}
	}
	return out
}

// truth evaluates a condition.
func (c *scope) truth(x *expression) (bool, error) {
	v, err := c.eval(x)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		if absent := c.absent(x); len(absent) > 0 {
			return false, fmt.Errorf("%s is absent", strings.Join(absent, " and "))
		}
		return false, fmt.Errorf("it yields no truth value")
	}
	return bool(b), nil
}

// words evaluates an expression that yields a text; "" where it does not.
func (c *scope) words(x *expression) string {
	v, err := c.eval(x)
	if err != nil {
		return ""
	}
	s, _ := v.(types.String)
	return string(s)
}

// encode returns a value of an expression as JSON.
func encode(v ref.Val) json.RawMessage {
	switch x := v.(type) {
	case *decimal, date, types.String:
		return jsonOf(fmt.Sprint(v.Value()))
	case types.Int, types.Bool:
		return jsonOf(v.Value())
	case traits.Mapper:
		out := map[string]json.RawMessage{}
		for it := x.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			out[fmt.Sprint(k.Value())] = encode(x.Get(k))
		}
		return jsonOf(out)
	case traits.Lister:
		out := []json.RawMessage{}
		for it := x.Iterator(); it.HasNext() == types.True; {
			out = append(out, encode(it.Next()))
		}
		return jsonOf(out)
	}
	return json.RawMessage("null")
}

// detail says in numbers why a comparison does not hold:
// "100.00 + 19.00 = 119.00, not 120.00".
func (c *scope) detail(x *expression) string {
	e := x.ast.Expr()
	if e.Kind() != celast.CallKind || len(e.AsCall().Args()) != 2 || e.AsCall().IsMemberFunction() {
		return ""
	}
	call := e.AsCall()
	sign := operatorWords[call.FunctionName()]
	left, right := c.value(x, call.Args()[0]), c.value(x, call.Args()[1])
	if left == "" || right == "" {
		return ""
	}
	switch call.FunctionName() {
	case operators.Equals:
		return c.equation(x, call.Args()[0], left) + ", not " + c.equation(x, call.Args()[1], right)
	case operators.NotEquals:
		return left + " on both sides"
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.equation(x, call.Args()[0], left) + " is not " + sign + " " + c.equation(x, call.Args()[1], right)
	}
	return ""
}

// equation is "2 + 3 = 5" for a sum and "5" for a value.
func (c *scope) equation(x *expression, e celast.Expr, val string) string {
	if e.Kind() == celast.CallKind && !e.AsCall().IsMemberFunction() {
		switch op := e.AsCall().FunctionName(); op {
		case operators.Add, operators.Subtract, operators.Multiply:
			return c.filled(x, e) + " = " + val
		}
	}
	return val
}

// filled is the expression with its values in place of its references.
func (c *scope) filled(x *expression, e celast.Expr) string {
	if e.Kind() == celast.CallKind && !e.AsCall().IsMemberFunction() && len(e.AsCall().Args()) == 2 {
		switch op := e.AsCall().FunctionName(); op {
		case operators.Add, operators.Subtract, operators.Multiply:
			return c.filled(x, e.AsCall().Args()[0]) + " " + operatorWords[op] + " " + c.filled(x, e.AsCall().Args()[1])
		}
	}
	return c.value(x, e)
}

func (c *scope) value(x *expression, e celast.Expr) string {
	program, err := x.part(e)
	if err != nil {
		return ""
	}
	v, _, err := program.Eval(c)
	if err != nil || v == nil || types.IsUnknownOrError(v) || v == types.NullValue {
		return ""
	}
	return clip(fmt.Sprint(v.Value()), 80)
}

// causes returns the parts of an or-expression that hold, as the author wrote
// them, with their values: why somebody is asked.
func (c *scope) causes(x *expression) []string {
	var out []string
	var visit func(e celast.Expr)
	visit = func(e celast.Expr) {
		if e.Kind() == celast.CallKind && e.AsCall().FunctionName() == operators.LogicalOr {
			for _, a := range e.AsCall().Args() {
				visit(a)
			}
			return
		}
		program, err := x.part(e)
		if err != nil {
			return
		}
		text, err := cel.ExprToString(e, x.ast.SourceInfo())
		if err != nil { // a projection has no text of its own
			text = x.source
		}
		var found []policy.Mention
		c.found = &found
		v, _, err := program.Eval(c)
		c.found = nil
		switch {
		case err != nil || v == nil || types.IsUnknownOrError(v):
			out = append(out, text+" cannot be told")
		case v == types.True && len(found) > 0:
			out = append(out, mentions(text, found))
		case v == types.True:
			if e.Kind() == celast.CallKind && len(e.AsCall().Args()) == 2 && operatorWords[e.AsCall().FunctionName()] != "" && !e.AsCall().IsMemberFunction() {
				if l := c.value(x, e.AsCall().Args()[0]); l != "" {
					text += " (it is " + l + ")"
				}
			}
			out = append(out, text)
		}
	}
	visit(x.ast.Expr())
	return out
}

// mentions names what was found, and the table that it stands in.
func mentions(text string, found []policy.Mention) string {
	var names []string
	for _, m := range found {
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	table, _, _ := strings.Cut(strings.TrimPrefix(text, "tables."), ".")
	return fmt.Sprintf("%s: the text names %s", strings.ReplaceAll(table, "_", " "), strings.Join(names, ", "))
}
