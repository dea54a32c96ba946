package mission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// CompileEnv is what a mission is checked against: the site's policy and its
// other missions.
type CompileEnv struct {
	Classes  []llm.DataClass // lowest first
	Tables   map[string]policy.Table
	Queues   map[string]policy.Queue
	Missions func(name string) (Mission, bool) // published missions; nil = none
}

// Plan is a mission that was checked and made ready to run. It is immutable
// and safe for concurrent use.
type Plan struct {
	mission Mission
	classes []llm.DataClass
	queue   string // whom an uncertain step asks unless it says so
	nodes   map[string]*node
	order   []*node // as declared
	top     []*node
	structs *structProvider
	rules   []*expression
	when    []*expression // of outcomes; nil = always
	because []*expression // of outcomes; nil = Text
}

// node is a step in the reference graph.
type node struct {
	*Step
	at     string // path in the file
	parent *node  // branch or each that holds it
	arm    string // name of the arm, in a branch
	each   []*node
	inner  []*node // of an each
	arms   [][]*node
	deps   []string // ids of the steps that must have settled
	copes  map[string]bool
	typ    *types.Type
	elem   *types.Type // each: type of an element

	cond, from, escalate, ask, in *expression
	that, armWhen                 []*expression
	input                         map[string]*expression
}

// Mission returns the mission that the plan was made of.
func (p *Plan) Mission() Mission { return p.mission }

// Compile checks what a mission means: expressions are type-checked, every
// reference leads somewhere, nothing waits for itself, and nothing that is
// written can never happen. On failure the error is [Problems].
func Compile(m Mission, e CompileEnv) (*Plan, error) {
	c := &compiler{
		env:  e,
		plan: &Plan{mission: m, classes: e.Classes, nodes: map[string]*node{}, structs: &structProvider{Registry: types.NewEmptyRegistry(), structs: map[string]map[string]*types.Type{}}},
	}
	c.missions()
	c.plan.top = c.nodes(m.Steps, "steps", nil, "")
	c.elements()
	if len(c.problems) > 0 { // what follows would only repeat it
		return nil, c.problems.Err()
	}
	root, err := newLanguage(c.vars(), c.plan.structs)
	if err != nil {
		return nil, fmt.Errorf("mission %s: %w", m.Name, err)
	}
	c.root = root
	c.class()
	c.steps(c.plan.top, root)
	c.verdict()
	c.cycles()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return c.plan, nil
}

type compiler struct {
	env      CompileEnv
	plan     *Plan
	root     *language
	problems Problems
}

func (c *compiler) add(path, format string, args ...any) {
	at := c.plan.mission.positions[path]
	for p := path; at.Line == 0 && p != ""; { // the nearest thing that has a place
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			break
		}
		p = p[:i]
		at = c.plan.mission.positions[p]
		if at.Line == 0 {
			at = c.plan.mission.positions[p+".id"]
		}
	}
	c.problems = append(c.problems, at.Problem(path, format, args...))
}

// nodes builds the tree of steps and finds ids that are taken.
func (c *compiler) nodes(steps []Step, path string, parent *node, arm string) []*node {
	var out []*node
	for i := range steps {
		s := &steps[i]
		n := &node{Step: s, at: fmt.Sprintf("%s[%d]", path, i), parent: parent, arm: arm, copes: map[string]bool{}, input: map[string]*expression{}}
		if parent != nil {
			n.each = parent.each
			if parent.Each != nil {
				n.each = append(slices.Clone(parent.each), parent)
			}
		}
		if s.Kind() == "" {
			c.add(n.at, "the step says not what to do")
			continue
		}
		if _, taken := c.plan.nodes[s.ID]; taken {
			c.add(n.at+".id", "another step is called %q; ids are unique in a mission", s.ID)
			continue
		}
		c.plan.nodes[s.ID] = n
		c.plan.order = append(c.plan.order, n)
		if s.Branch != nil {
			for j, a := range s.Branch.Arms {
				n.arms = append(n.arms, c.nodes(a.Steps, n.armPath(j), n, a.Name))
			}
		}
		if s.Each != nil {
			n.inner = c.nodes(s.Each.Steps, n.at+".each.steps", n, "")
		}
		out = append(out, n)
	}
	return out
}

func (n *node) armPath(j int) string {
	key := "steps"
	if n.Branch.Arms[j].When == "" {
		key = "else"
	}
	return fmt.Sprintf("%s.branch[%d].%s", n.at, j, key)
}

// elements finds elements of lists that are called like a step.
func (c *compiler) elements() {
	for _, n := range c.plan.order {
		if n.Each == nil {
			continue
		}
		if _, taken := c.plan.nodes[n.Each.As]; taken {
			c.add(n.at+".each.as", "a step is called %q, too", n.Each.As)
		}
	}
}

// vars returns the variables that every expression sees.
func (c *compiler) vars() map[string]*types.Type {
	s := c.plan.structs
	in := map[string]*types.Type{}
	doc := s.add("document", map[string]*types.Type{"text": anyString, "name": anyString})
	for _, f := range c.plan.mission.Input {
		if f.Type == InputDocument {
			in[f.Name] = doc
			continue
		}
		in[f.Name] = scalarType(llm.FieldType(f.Type))
	}
	tables := map[string]*types.Type{}
	for name := range c.env.Tables {
		tables[name] = tableType
	}
	vars := map[string]*types.Type{
		"input":  s.add("input", in),
		"tables": s.add("tables", tables),
		"run":    s.add("run", map[string]*types.Type{"id": types.StringType, "class": types.StringType, "mission": types.StringType, "by": types.StringType, "started": dateType}),
	}
	for _, n := range c.plan.order {
		n.typ = s.output("step."+n.ID, n.Step, c.env, 0)
		if len(n.each) == 0 {
			vars[n.ID] = n.typ
		}
	}
	return vars
}

// expr compiles one expression and reports what is wrong with it where it is.
func (c *compiler) expr(l *language, path string, e Expr, strict bool, want *types.Type) *expression {
	x, issues := l.compile(string(e), strict, want)
	at := c.plan.mission.positions[path]
	for _, i := range issues {
		p := at.Problem(path, "%s", i.message)
		if at.Line > 0 {
			if p.Line += i.line - 1; i.line > 1 {
				p.Column = i.column + 1
			} else {
				p.Column += i.column
			}
		}
		c.problems = append(c.problems, p)
	}
	return x
}

func (c *compiler) class() {
	m := &c.plan.mission
	start := c.known("class.start", m.Class.Start)
	for i, rule := range m.Class.Rules {
		path := fmt.Sprintf("class.rules[%d]", i)
		if r := c.known(path+".raise", rule.Raise); r >= 0 && r <= start {
			c.add(path+".raise", "every run starts at %s, so this rule raises nothing", m.Class.Start)
		}
		x := c.expr(c.root, path+".when", rule.When, false, types.BoolType)
		if x != nil && slices.Contains(x.chains, "run.class") {
			c.add(path+".when", "a class rule cannot ask for the class that it decides on")
		}
		if x != nil && x.fixed == "false" {
			c.add(path+".when", "is never true")
		}
		c.plan.rules = append(c.plan.rules, x)
	}
}

func (c *compiler) known(path string, class llm.DataClass) int {
	i := slices.Index(c.env.Classes, class)
	if i < 0 {
		c.add(path, "the policy has no data class %q%s", class, suggest(string(class), words(c.env.Classes)))
	}
	return i
}

func words[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = string(in[i])
	}
	return out
}

func (c *compiler) queueKnown(path, name string) {
	if _, ok := c.env.Queues[name]; !ok {
		c.add(path, "the policy has no queue %q%s", name, suggest(name, slices.Collect(maps.Keys(c.env.Queues))))
	}
}

// steps compiles the expressions of steps in the language of their place.
func (c *compiler) steps(nodes []*node, l *language) {
	for _, n := range nodes {
		if n.When != "" {
			n.cond = c.expr(l, n.at+".when", n.When, false, types.BoolType)
			if n.cond != nil && n.cond.fixed == "false" {
				c.add(n.at+".when", "is never true, so the step never runs")
			}
			c.uses(n, n.cond, false)
		}
		switch {
		case n.Extract != nil:
			c.model(n, l, "extract", n.Extract.From)
		case n.Classify != nil:
			c.model(n, l, "classify", n.Classify.From)
		case n.Generate != nil:
			c.model(n, l, "generate", n.Generate.From)
		case n.Check != nil:
			for i, a := range n.Check.That {
				path := fmt.Sprintf("%s.check[%d].that", n.at, i)
				x := c.expr(l, path, a.That, true, types.BoolType)
				if x != nil && x.fixed == "false" {
					c.add(path, "never holds")
				}
				n.that = append(n.that, x)
				c.uses(n, x, false)
			}
		case n.Decide != nil:
			c.decide(n, l)
		case n.Branch != nil:
			c.branch(n, l)
		case n.Each != nil:
			c.eachStep(n, l)
		case n.Mission != nil:
			c.subMission(n, l)
		}
	}
}

// uses notes the steps that an expression of n refers to.
func (c *compiler) uses(n *node, x *expression, self bool) {
	if x == nil {
		return
	}
	for _, ref := range x.refs {
		if _, ok := c.plan.nodes[ref]; ok {
			n.dependsOn(ref, self)
		}
	}
	for _, chain := range x.chains {
		if id, ok := strings.CutSuffix(chain, ".broken"); ok {
			n.copes[id] = true
		}
		if chain == "run.class" { // the class must have settled first
			for _, r := range c.plan.rules {
				if r != nil {
					for _, ref := range r.refs {
						if _, ok := c.plan.nodes[ref]; ok {
							n.dependsOn(ref, false)
						}
					}
				}
			}
		}
	}
}

func (n *node) dependsOn(id string, self bool) {
	if self && id == n.ID || slices.Contains(n.deps, id) {
		return
	}
	n.deps = append(n.deps, id)
}

func (c *compiler) model(n *node, l *language, kind string, from Expr) {
	path := n.at + "." + kind + ".from"
	n.from = c.expr(l, path, from, false, nil)
	if n.from != nil {
		t := n.from.ast.GetType(n.from.ast.Expr().ID())
		if t.Kind() != types.StringKind && t.TypeName() != "document" {
			c.add(path, "yields %s; a model reads a text or a document", typeWord(t))
		}
	}
	c.uses(n, n.from, false)
	if n.Escalate != nil {
		n.escalate = c.expr(l, n.at+".escalate.when", n.Escalate.When, false, types.BoolType)
		if n.escalate != nil && n.escalate.fixed == "false" {
			c.add(n.at+".escalate.when", "is never true")
		}
		c.uses(n, n.escalate, true)
	}
	if n.Confidence != nil && n.Confidence.Queue != "" {
		c.queueKnown(n.at+".confidence.queue", n.Confidence.Queue)
	}
}

func (c *compiler) decide(n *node, l *language) {
	d := n.Decide
	if d.When != "" {
		n.ask = c.expr(l, n.at+".decide.when", d.When, false, types.BoolType)
		if n.ask != nil && n.ask.fixed == "false" {
			c.add(n.at+".decide.when", "is never true, so nobody is ever asked")
		}
		c.uses(n, n.ask, false)
	}
	c.queueKnown(n.at+".decide.queue", d.Queue)
	if c.plan.queue == "" {
		c.plan.queue = d.Queue
	}
	for i, id := range d.Amend {
		path := fmt.Sprintf("%s.decide.amend[%d]", n.at, i)
		target, ok := c.plan.nodes[id]
		switch {
		case !ok:
			c.add(path, "there is no step %q%s", id, suggest(id, slices.Collect(maps.Keys(c.plan.nodes))))
		case target.Extract == nil && target.Classify == nil && target.Generate == nil:
			c.add(path, "step %q asks no model, so it has nothing to correct", id)
		case len(target.each) > len(n.each) || !slices.Equal(target.each, n.each[:len(target.each)]):
			c.add(path, "step %q runs many times; correct it from inside its each", id)
		default:
			n.dependsOn(id, false)
		}
	}
}

func (c *compiler) branch(n *node, l *language) {
	always := false
	for j, a := range n.Branch.Arms {
		path := fmt.Sprintf("%s.branch[%d]", n.at, j)
		var x *expression
		switch {
		case always:
			c.add(path, "is never reached: an arm before it is always taken")
		case a.When == "" && j != len(n.Branch.Arms)-1:
			c.add(path, "the else arm comes last: the arms after it are never reached")
		}
		if a.When == "" {
			always = true
		} else {
			x = c.expr(l, path+".when", a.When, false, types.BoolType)
			if x != nil && x.fixed == "false" {
				c.add(path+".when", "is never true, so the arm is never taken")
			}
			always = always || x != nil && x.fixed == "true"
			c.uses(n, x, false)
		}
		n.armWhen = append(n.armWhen, x)
		c.steps(n.arms[j], l)
	}
}

func (c *compiler) eachStep(n *node, l *language) {
	path := n.at + ".each.in"
	n.in = c.expr(l, path, n.Each.In, false, nil)
	c.uses(n, n.in, false)
	if n.in == nil {
		return
	}
	t := n.in.ast.GetType(n.in.ast.Expr().ID())
	if t.Kind() != types.ListKind {
		c.add(path, "yields %s; each goes through a list", typeWord(t))
		return
	}
	n.elem = t.Parameters()[0]
	vars := maps.Clone(l.vars)
	vars[n.Each.As] = n.elem
	for _, in := range stepsIn(n.Each.Steps, false) {
		if in := c.plan.nodes[in.ID]; in != nil {
			vars[in.ID] = in.typ
		}
	}
	inside, err := newLanguage(vars, c.plan.structs)
	if err != nil {
		c.add(path, "%v", err)
		return
	}
	c.steps(n.inner, inside)
}
