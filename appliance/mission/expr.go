package mission

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// expression is a compiled expression. It is safe for concurrent use.
type expression struct {
	source  string
	env     *cel.Env
	ast     *celast.AST
	program cel.Program
	strict  bool
	refs    []string // variables that it names, sorted
	chains  []string // references such as invoice.total, in order
	fixed   string   // "true" or "false" where the expression is that literal
}

// language is what expressions at one place of a mission may say.
type language struct {
	env     *cel.Env
	vars    map[string]*types.Type
	structs *structProvider
}

func newLanguage(vars map[string]*types.Type, structs *structProvider) (*language, error) {
	env, err := newEnv(vars, structs)
	return &language{env, vars, structs}, err
}

// issue is a fault of an expression, with its place in it.
type issue struct {
	line, column int // line from 1, column from 0
	message      string
}

// compile type-checks an expression. An assertion is strict: == and != with an
// absent operand do not hold, unless the author wrote null.
func (l *language) compile(src string, strict bool, want *types.Type) (*expression, []issue) {
	parsed, iss := l.env.Parse(src)
	if iss.Err() != nil {
		return nil, l.issues(iss, nil)
	}
	tree := parsed.NativeRep()
	w := &walker{l: l, next: celast.MaxID(tree), locals: map[string]*types.Type{}, refs: map[string]bool{}}
	w.walk(tree.Expr())
	checked, iss := l.env.Check(parsed)
	if iss.Err() != nil {
		return nil, l.issues(iss, w)
	}
	if got := checked.OutputType(); want != nil && got.Kind() != want.Kind() && !(want == anyString && got.TypeName() == "null_type") {
		return nil, []issue{{1, 0, fmt.Sprintf("yields %s, where %s is needed", typeWord(got), typeWord(want))}}
	}
	x := &expression{source: src, env: l.env, ast: checked.NativeRep(), strict: strict, refs: slices.Sorted(maps.Keys(w.refs)), chains: w.chains}
	program, err := x.plan(x.ast)
	if err != nil {
		return nil, []issue{{1, 0, err.Error()}}
	}
	x.program = program
	if e := x.ast.Expr(); e.Kind() == celast.LiteralKind {
		x.fixed = fmt.Sprint(e.AsLiteral().Value())
	}
	return x, nil
}

func (x *expression) plan(tree *celast.AST) (cel.Program, error) {
	return x.env.PlanProgram(tree, cel.CustomDecoratorV2(decorate(x.strict)), cel.CostLimit(maxCost))
}

// part returns a program for a part of the expression.
func (x *expression) part(e celast.Expr) (cel.Program, error) {
	return x.plan(celast.NewCheckedAST(celast.NewAST(e, x.ast.SourceInfo()), x.ast.TypeMap(), x.ast.ReferenceMap()))
}

// walker goes through a parsed expression once: it makes number literals with
// a point exact, turns invoice.lines.amount into the list of amounts, and
// notes what is referred to.
type walker struct {
	l      *language
	next   int64
	locals map[string]*types.Type // variables of comprehensions
	refs   map[string]bool
	chains []string
	known  map[int64][]string // names that could have been meant, by expression
}

var factory = celast.NewExprFactory()

func (w *walker) id() int64 { w.next++; return w.next }

// walk rewrites e in place and returns its type, nil where it is not obvious.
func (w *walker) walk(e celast.Expr) *types.Type {
	switch e.Kind() {
	case celast.LiteralKind:
		if f, ok := e.AsLiteral().(types.Double); ok {
			digits := strconv.FormatFloat(float64(f), 'f', -1, 64)
			e.SetKindCase(factory.NewCall(e.ID(), "decimal", factory.NewLiteral(w.id(), types.String(digits))))
			return decimalType
		}
	case celast.IdentKind:
		name := e.AsIdent()
		if t, ok := w.locals[name]; ok {
			return t
		}
		w.refs[name] = true
		w.chains = append(w.chains, name)
		w.could(e.ID(), slices.Collect(maps.Keys(w.l.vars)))
		return w.l.vars[name]
	case celast.SelectKind:
		return w.field(e)
	case celast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			w.walk(c.Target())
		}
		for _, a := range c.Args() {
			w.walk(a)
		}
	case celast.ListKind:
		for _, x := range e.AsList().Elements() {
			w.walk(x)
		}
	case celast.MapKind:
		for _, x := range e.AsMap().Entries() {
			w.walk(x.AsMapEntry().Key())
			w.walk(x.AsMapEntry().Value())
		}
	case celast.StructKind:
		for _, x := range e.AsStruct().Fields() {
			w.walk(x.AsStructField().Value())
		}
	case celast.ComprehensionKind:
		return w.comprehension(e.AsComprehension())
	}
	return nil
}

func (w *walker) could(id int64, names []string) {
	if w.known == nil {
		w.known = map[int64][]string{}
	}
	w.known[id] = names
}

// field handles a.b; where a is a list of objects, it means the list of their
// b.
func (w *walker) field(e celast.Expr) *types.Type {
	s := e.AsSelect()
	before := len(w.chains)
	t := w.walk(s.Operand())
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case types.StructKind:
		if len(w.chains) > before && pure(s.Operand()) {
			w.chains[len(w.chains)-1] += "." + s.FieldName()
		}
		fields := w.l.structs.structs[t.TypeName()]
		w.could(e.ID(), slices.Collect(maps.Keys(fields)))
		return fields[s.FieldName()]
	case types.ListKind:
		elem := t.Parameters()[0]
		ft, ok := w.l.structs.structs[elem.TypeName()][s.FieldName()]
		if elem.Kind() != types.StructKind || !ok {
			return nil
		}
		const it = "@it"
		accu := factory.AccuIdentName()
		one := factory.NewList(w.id(), []celast.Expr{factory.NewSelect(w.id(), factory.NewIdent(w.id(), it), s.FieldName())}, nil)
		step := factory.NewCall(w.id(), operators.Add, factory.NewAccuIdent(w.id()), one)
		e.SetKindCase(factory.NewComprehension(e.ID(), s.Operand(), it, accu, factory.NewList(w.id(), nil, nil),
			factory.NewLiteral(w.id(), types.True), step, factory.NewAccuIdent(w.id())))
		return types.NewListType(ft)
	}
	return nil
}

// pure reports whether e is a reference and nothing else.
func pure(e celast.Expr) bool {
	for e.Kind() == celast.SelectKind {
		e = e.AsSelect().Operand()
	}
	return e.Kind() == celast.IdentKind && !strings.HasPrefix(e.AsIdent(), "@")
}

func (w *walker) comprehension(c celast.ComprehensionExpr) *types.Type {
	over := w.walk(c.IterRange())
	w.walk(c.AccuInit())
	old := maps.Clone(w.locals)
	w.locals[c.AccuVar()] = nil
	w.locals[c.IterVar()] = nil
	if over != nil && over.Kind() == types.ListKind {
		w.locals[c.IterVar()] = over.Parameters()[0]
	}
	w.walk(c.LoopCondition())
	w.walk(c.LoopStep())
	w.walk(c.Result())
	w.locals = old
	return nil
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']*)' \(in container '[^']*'\)`)
	undefined  = regexp.MustCompile(`undefined field '([^']*)'`)
	overload   = regexp.MustCompile(`found no matching overload for '([^']*)' applied to '([^']*)'`)
)

// operatorWords are what authors call the operators.
var operatorWords = map[string]string{
	"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=",
	"_&&_": "&&", "_||_": "||", "!_": "!", "-_": "-", "@in": "in", "_?_:_": "?:", "_[_]": "[]",
}

// issues turns what the checker says into words that an author can act on.
func (l *language) issues(iss *cel.Issues, w *walker) []issue {
	var out []issue
	for _, e := range iss.Errors() {
		msg := e.Message
		switch {
		case undeclared.MatchString(msg):
			name := undeclared.FindStringSubmatch(msg)[1]
			switch {
			case name == "_/_":
				msg = "/ is not offered: it is not exact; multiply both sides instead, or round()"
			case operatorWords[name] != "":
				msg = operatorWords[name] + " is not offered"
			case w != nil && w.refs[name]:
				msg = fmt.Sprintf("there is no %q here%s", name, suggest(name, slices.Collect(maps.Keys(l.vars))))
			default:
				msg = fmt.Sprintf("there is no function %q%s", name, suggest(name, functionWords))
			}
		case undefined.MatchString(msg):
			name := undefined.FindStringSubmatch(msg)[1]
			msg = fmt.Sprintf("there is no field %q%s", name, l.nearField(w, e.ExprID, name))
		case overload.MatchString(msg):
			m := overload.FindStringSubmatch(msg)
			op := m[1]
			if o := operatorWords[op]; o != "" {
				op = o
			}
			msg = fmt.Sprintf("%s does not apply to %s", op, plainTypes(m[2]))
		default:
			msg = plainTypes(msg)
		}
		if i := strings.IndexByte(msg, '\n'); i > 0 {
			msg = msg[:i]
		}
		out = append(out, issue{e.Location.Line(), e.Location.Column(), clip(msg, 300)})
	}
	return out
}

func (l *language) nearField(w *walker, id int64, name string) string {
	if w != nil && len(w.known[id]) > 0 {
		return suggest(name, w.known[id])
	}
	return ""
}

// functionWords are the functions worth proposing.
var functionWords = []string{"sum", "abs", "round", "decimal", "date", "size", "contains", "startsWith", "endsWith", "matches", "mentioned_in", "or",
	"all", "exists", "exists_one", "map", "filter", "string", "int", "lowerAscii", "upperAscii", "trim", "split", "replace"}

var wrapped = regexp.MustCompile(`wrapper\(([a-z]+)\)`)

func plainTypes(s string) string { return wrapped.ReplaceAllString(s, "$1") }

func typeWord(t *types.Type) string {
	return plainTypes(cel.FormatCELType(t))
}
