package grammar

// finish works out which nodes can reach the end of their rule and at what
// nesting, and the first state. It returns an error if nothing is possible, or
// a reference leads to itself.
func (g *Grammar) finish() error {
	if err := g.circular(); err != nil {
		return err
	}
	g.heights()
	if g.rules[0].height > MaxDepth {
		return refuse("", "", "%v", errEmpty)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start = g.settle([]config{{node: g.rules[0].start, q: -1}})
	return nil
}

// circular refuses rules that go through themselves without writing a byte.
// No rule is empty, so only what stands at the beginning of a rule counts.
func (g *Grammar) circular() error {
	direct := make([][]int32, len(g.rules))
	for r := range g.rules {
		seen := map[int32]bool{}
		todo := []int32{g.rules[r].start}
		for len(todo) > 0 {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[i] {
				continue
			}
			seen[i] = true
			n := &g.nodes[i]
			if n.call >= 0 {
				direct[r] = append(direct[r], n.call)
			}
			todo = append(todo, n.empty...)
		}
	}
	const open, done = 1, 2
	mark := make([]int, len(g.rules))
	var visit func(r int32) bool
	visit = func(r int32) bool {
		mark[r] = open
		for _, to := range direct[r] {
			if mark[to] == open || mark[to] == 0 && !visit(to) {
				return false
			}
		}
		mark[r] = done
		return true
	}
	for r := range g.rules {
		if mark[r] == 0 && !visit(int32(r)) {
			return refuse("", "$ref", "a reference leads back to itself without any value between")
		}
	}
	return nil
}

// heights finds for every node the least nesting of references on a way to the
// end of its rule: level by level, backwards from the ends.
func (g *Grammar) heights() {
	back := make([][]int32, len(g.nodes))
	callers := make([][]int32, len(g.rules))
	var todo, ends []int32
	for i := range g.nodes {
		n := &g.nodes[i]
		n.height = never
		if n.accept {
			ends = append(ends, int32(i))
		}
		for _, to := range n.empty {
			back[to] = append(back[to], int32(i))
		}
		for _, e := range n.edges {
			back[e.to] = append(back[e.to], int32(i))
		}
		if n.call >= 0 || n.body >= 0 {
			back[n.next] = append(back[n.next], int32(i))
		}
		if n.call >= 0 {
			callers[n.call] = append(callers[n.call], int32(i))
		}
	}
	for r := range g.rules {
		g.rules[r].height = never
	}
	for level := int32(0); level <= MaxDepth; level++ {
		reach := func(i int32) {
			n := &g.nodes[i]
			if n.height != never || n.call >= 0 && g.rules[n.call].height >= level {
				return
			}
			n.height = level
			todo = append(todo, i)
		}
		if level == 0 {
			for _, i := range ends {
				reach(i)
			}
		}
		// What could not go on because of a call whose rule has just been reached.
		for r := range g.rules {
			if g.rules[r].height != level-1 {
				continue
			}
			for _, i := range callers[r] {
				if g.nodes[g.nodes[i].next].height != never {
					reach(i)
				}
			}
		}
		for len(todo) > 0 {
			i := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, j := range back[i] {
				reach(j)
			}
		}
		for r := range g.rules {
			if g.rules[r].height == never && g.nodes[g.rules[r].start].height != never {
				g.rules[r].height = level
			}
		}
	}
}
