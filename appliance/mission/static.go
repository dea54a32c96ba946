package mission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"skerry/appliance/llm"
)

// missions finds sub-missions that lead back to where they came from, and such
// as are not there.
func (c *compiler) missions() {
	done := map[string]bool{} // missions that lead nowhere bad
	var visit func(m *Mission, road []string, path string)
	visit = func(m *Mission, road []string, path string) {
		for _, s := range stepsIn(m.Steps, true) {
			if s.Mission == nil {
				continue
			}
			name := s.Mission.Name
			if len(road) == 1 { // a step of this mission: where the author looks
				path = c.pathOf(s)
			}
			switch {
			case slices.Contains(road, name):
				c.add(path, "missions start each other in a circle: %s", strings.Join(append(slices.Clone(road), name), " → "))
			case len(road) > maxChildren:
				c.add(path, "missions start missions more than %d deep: %s", maxChildren, strings.Join(append(slices.Clone(road), name), " → "))
			default:
				child, ok := Mission{}, false
				if c.env.Missions != nil {
					child, ok = c.env.Missions(name)
				}
				if !ok {
					if len(road) == 1 {
						c.add(path, "there is no published mission %q", name)
					}
					continue
				}
				if before := len(c.problems); !done[name] {
					visit(&child, append(slices.Clone(road), name), path)
					done[name] = len(c.problems) == before
				}
			}
		}
	}
	visit(&c.plan.mission, []string{c.plan.mission.Name}, "")
}

// pathOf returns the place of a sub-mission step in the file.
func (c *compiler) pathOf(target *Step) string {
	var find func(steps []Step, path string) string
	find = func(steps []Step, path string) string {
		for i := range steps {
			s, at := &steps[i], fmt.Sprintf("%s[%d]", path, i)
			if s == target {
				return at + ".mission.name"
			}
			if s.Branch != nil {
				n := node{Step: s, at: at}
				for j := range s.Branch.Arms {
					if p := find(s.Branch.Arms[j].Steps, n.armPath(j)); p != "" {
						return p
					}
				}
			}
			if s.Each != nil {
				if p := find(s.Each.Steps, at+".each.steps"); p != "" {
					return p
				}
			}
		}
		return ""
	}
	return find(c.plan.mission.Steps, "steps")
}

func (c *compiler) subMission(n *node, l *language) {
	child, ok := Mission{}, false
	if c.env.Missions != nil {
		child, ok = c.env.Missions(n.Mission.Name)
	}
	if !ok {
		return // reported by missions
	}
	fields := map[string]InputField{}
	for _, f := range child.Input {
		fields[f.Name] = f
		if _, given := n.Mission.Input[f.Name]; !given && !f.Optional {
			c.add(n.at+".mission.input", "mission %s needs the input %q", child.Name, f.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(n.Mission.Input)) {
		path := n.at + ".mission.input." + name
		f, ok := fields[name]
		if !ok {
			c.add(path, "mission %s has no input %q%s", child.Name, name, suggest(name, slices.Collect(maps.Keys(fields))))
			continue
		}
		if f.Type == InputDocument {
			x := c.expr(l, path, n.Mission.Input[name], false, types.NewObjectType("document"))
			if x != nil && (len(x.chains) != 1 || !strings.HasPrefix(x.chains[0], "input.")) {
				c.add(path, "a document is handed on as it came: write input.name")
			}
			n.input[name] = x
			continue
		}
		want := scalarType(llm.FieldType(f.Type))
		x := c.expr(l, path, n.Mission.Input[name], false, nil)
		if x != nil {
			t := x.ast.GetType(x.ast.Expr().ID())
			if t.Kind() != want.Kind() || t.TypeName() != want.TypeName() {
				c.add(path, "yields %s; mission %s takes %s", typeWord(t), child.Name, typeWord(want))
			}
		}
		n.input[name] = x
		c.uses(n, x, false)
	}
}

func (c *compiler) verdict() {
	seen := map[Expr]int{}
	always := -1
	for i, o := range c.plan.mission.Verdict {
		path := fmt.Sprintf("verdict[%d]", i)
		if always >= 0 {
			c.add(path+".is", "is never reached: outcome %d before it always applies", always+1)
		}
		var when, because *expression
		if o.When != "" {
			when = c.expr(c.root, path+".when", o.When, false, types.BoolType)
			if before, ok := seen[o.When]; ok {
				c.add(path+".when", "is never reached: outcome %d has the same condition", before+1)
			}
			seen[o.When] = i
			if when != nil && when.fixed == "false" {
				c.add(path+".when", "is never true, so the verdict is never reached")
			}
		}
		if always < 0 && (o.When == "" || when != nil && when.fixed == "true") {
			always = i
		}
		if o.Because != "" {
			because = c.expr(c.root, path+".because", o.Because, false, anyString)
		}
		c.plan.when, c.plan.because = append(c.plan.when, when), append(c.plan.because, because)
	}
}

// cycles finds steps that wait for each other. An each has two moments: it
// opens, which its steps wait for, and it settles, which waits for its steps.
func (c *compiler) cycles() {
	edges := map[string][]string{}
	for _, n := range c.plan.order {
		opens := n.ID
		if n.Each != nil {
			opens = n.ID + "@open"
			edges[n.ID] = append(edges[n.ID], opens)
			for _, in := range stepsIn(n.Each.Steps, false) {
				edges[n.ID] = append(edges[n.ID], in.ID)
			}
		}
		edges[opens] = append(edges[opens], n.deps...)
		if p := n.parent; p != nil {
			if p.Each != nil {
				edges[opens] = append(edges[opens], p.ID+"@open")
			} else {
				edges[opens] = append(edges[opens], p.ID)
			}
		}
	}
	state := map[string]int{} // 1 = on the road, 2 = done
	var road []string
	reported := false
	var visit func(id string)
	visit = func(id string) {
		if state[id] == 2 || reported {
			return
		}
		road = append(road, id)
		if state[id] == 1 {
			circle := road[slices.Index(road, id):]
			var names []string
			for _, r := range circle {
				if name := strings.TrimSuffix(r, "@open"); len(names) == 0 || names[len(names)-1] != name {
					names = append(names, name)
				}
			}
			if len(names) < 2 {
				names = append(names, names[0])
			}
			reported = true
			c.add(c.plan.nodes[names[0]].at+".id", "waits for itself: %s", strings.Join(names, " → "))
			return
		}
		state[id] = 1
		for _, d := range edges[id] {
			visit(d)
		}
		state[id] = 2
		road = road[:len(road)-1]
	}
	for _, n := range c.plan.order {
		visit(n.ID)
	}
}

// Ceiling returns the highest class that data of the step can be routed at
// because a class rule waits for the output of a step that may come later, and
// whether there is such a rule.
func (p *Plan) Ceiling(step string) (llm.DataClass, bool) {
	n, ok := p.nodes[step]
	if !ok {
		return "", false
	}
	before := p.before(n)
	ceiling, open := p.mission.Class.Start, false
	for i, r := range p.rules {
		for _, ref := range r.refs {
			if _, isStep := p.nodes[ref]; isStep && !before[ref] {
				ceiling, open = p.higher(ceiling, p.mission.Class.Rules[i].Raise), true
			}
		}
	}
	return ceiling, open
}

// higher returns the higher of two classes of the plan.
func (p *Plan) higher(a, b llm.DataClass) llm.DataClass {
	if slices.Index(p.classes, b) > slices.Index(p.classes, a) {
		return b
	}
	return a
}

// before returns the ids of all steps that settle before n begins.
func (p *Plan) before(n *node) map[string]bool {
	out := map[string]bool{}
	var add func(id string)
	add = func(id string) {
		if d := p.nodes[id]; d != nil && !out[id] {
			out[id] = true
			for _, dep := range d.deps {
				add(dep)
			}
		}
	}
	for x := n; x != nil; x = x.parent {
		for _, d := range x.deps {
			add(d)
		}
	}
	return out
}
