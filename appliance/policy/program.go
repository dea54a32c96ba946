package policy

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"skerry/appliance/llm"
)

// program is a policy made ready for questions. It is immutable and therefore
// safe for concurrent use; CEL programs are too.
type program struct {
	models []llm.ModelID // every model that the policy names, sorted
	index  map[llm.ModelID]int
	rules  []compiledRule
	pools  map[string]*compiledPool
	below  [][]string // by rank of clearance and of class: the words of a rejection
}

type compiledRule struct {
	when cel.Program // nil = always
	err  error       // the rule does not compile: it stops the search when reached
}

// compiledPool holds a pool by index into program.models.
type compiledPool struct {
	members []int  // in the order of the pool
	has     []bool // by index
}

// compiled returns the program of p. A policy that did not come from [Parse]
// is compiled for this one question.
func (p *Policy) compiled() *program {
	if p.program != nil {
		return p.program
	}
	return compile(p)
}

// compile makes p ready. What is wrong with a rule stays with the rule.
func compile(p *Policy) *program {
	c := &program{index: map[llm.ModelID]int{}, pools: map[string]*compiledPool{}}
	for id := range p.Models {
		c.models = append(c.models, id)
	}
	for i := range p.Pools {
		c.models = append(c.models, p.Pools[i].Models...)
	}
	slices.Sort(c.models)
	c.models = slices.Compact(c.models)
	for i, id := range c.models {
		c.index[id] = i
	}
	for i := range p.Pools {
		pool := &compiledPool{has: make([]bool, len(c.models))}
		for _, id := range p.Pools[i].Models {
			if at := c.index[id]; !pool.has[at] {
				pool.has[at] = true
				pool.members = append(pool.members, at)
			}
		}
		c.pools[p.Pools[i].Name] = pool
	}
	for _, clearance := range p.Classes {
		var row []string
		for _, class := range p.Classes {
			row = append(row, belowClass(clearance.Name, class.Name))
		}
		c.below = append(c.below, row)
	}
	env, err := newEnv(p)
	for i := range p.Rules {
		r := compiledRule{err: err}
		if err == nil && p.Rules[i].When != "" {
			r.when, r.err = compileWhen(env, p.Rules[i].When)
		}
		c.rules = append(c.rules, r)
	}
	return c
}

// newEnv declares what the condition of a rule may use. There are no macros and
// so no loops: the cost of a condition is bounded by its length.
func newEnv(p *Policy) (*cel.Env, error) {
	return cel.NewEnv(
		cel.ClearMacros(),
		cel.Variable("mission", cel.StringType),
		cel.Variable("step", cel.StringType),
		cel.Variable("kind", cel.StringType),
		cel.Variable("class", cel.StringType),
		cel.Variable("caller", cel.StringType),
		cel.Variable("grade", cel.IntType),
		cel.Variable("tokens", cel.IntType),
		// at_least(class, "confidential"): the order of classes, not of letters.
		cel.Function("at_least", cel.Overload("at_least_string_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(class, bound ref.Val) ref.Val {
				c, b := llm.DataClass(class.(types.String)), llm.DataClass(bound.(types.String))
				if p.Rank(b) < 0 {
					return types.NewErr("the policy knows no data class %q", string(b))
				}
				return types.Bool(p.Max(b, c) == c)
			}))),
	)
}

func compileWhen(env *cel.Env, expr string) (cel.Program, error) {
	ast, issues := env.Compile(expr)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("%s (at character %d of the condition)", first.Message, first.Location.Column()+1)
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the condition is a %s; it must be true or false", ast.OutputType())
	}
	return env.Program(ast, cel.EvalOptions(cel.OptOptimize))
}

// match returns the index of the first rule that q matches, or -1 and why there
// is none. A condition that cannot be evaluated ends the search, because going
// on could pick a rule that its author meant to be out of reach.
func (c *program) match(p *Policy, q *Query) (int, string) {
	var vars *variables
	for i := range c.rules {
		r := &c.rules[i]
		if r.err != nil {
			return -1, "the rule " + quote(p.Rules[i].Name) + " cannot be evaluated: " + r.err.Error()
		}
		if r.when == nil {
			return i, ""
		}
		if vars == nil {
			vars = newVariables(q)
		}
		out, _, err := r.when.Eval(vars)
		if err != nil {
			return -1, "the rule " + quote(p.Rules[i].Name) + " cannot be evaluated: " + err.Error()
		}
		if out == types.True {
			return i, ""
		}
	}
	return -1, "no rule of the policy matches this step"
}

// variables is a query as CEL sees it.
type variables struct {
	mission, step, kind, class, caller, grade, tokens any
}

var _ interpreter.Activation = (*variables)(nil)

func newVariables(q *Query) *variables {
	return &variables{
		types.String(q.Mission), types.String(q.Step), types.String(q.Kind), types.String(q.Class), types.String(q.Caller),
		types.Int(q.Grade), types.Int(q.Tokens),
	}
}

// ResolveName implements interpreter.Activation.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "mission":
		return v.mission, true
	case "step":
		return v.step, true
	case "kind":
		return v.kind, true
	case "class":
		return v.class, true
	case "caller":
		return v.caller, true
	case "grade":
		return v.grade, true
	case "tokens":
		return v.tokens, true
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (v *variables) Parent() interpreter.Activation { return nil }
