package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"skerry/appliance/llm"
	"skerry/appliance/source"
)

// Parse reads a policy document in YAML. Its keys are those of the JSON form of
// [Policy]; version and digest are not part of it: the digest is that of text,
// and whoever stores the policy numbers it. On failure the error is [Problems],
// which lists what is wrong with line and column. The policy is
// immutable and safe for concurrent use.
func Parse(text []byte) (*Policy, error) {
	body, err := source.Open(text, form)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	sum := sha256.Sum256(text)
	b := &builder{Policy: &Policy{Digest: hex.EncodeToString(sum[:])}}
	b.read(node{r, body, ""})
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	for name, t := range b.Tables {
		t.index = newIndex(t.Rows)
		b.Tables[name] = t
	}
	return b.Policy, nil
}

// builder fills a policy from a document.
type builder struct{ *Policy }

func (b *builder) read(root node) {
	f := root.fields("classes", "ceilings", "models", "pools", "rules", "tables", "prices", "budget", "queues")
	b.readClasses(f["classes"], root)
	b.readCeilings(f["ceilings"])
	b.readModels(f["models"])
	b.readPools(f["pools"])
	b.readRules(f["rules"])
	b.readTables(f["tables"])
	b.readPrices(f["prices"])
	b.readQueues(f["queues"])
	budget := f["budget"].fields("runMicros", "runTokens")
	b.Budget = Budget{RunMicros: budget["runMicros"].count(), RunTokens: budget["runTokens"].count()}
}

// identifier is what the names of classes, pools, rules, tables and queues look
// like: expressions use some of them, addresses others.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// tableName is narrower, because missions write it as part of an expression.
var tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// modelName also takes what vendors call their models.
var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`)

// named checks a name against a form, and that it is new among taken.
func named(v node, name string, form *regexp.Regexp, taken map[string]bool) bool {
	switch {
	case name == "":
		v.fail("a name is missing")
	case !form.MatchString(name):
		v.fail("%s cannot be a name here: it must match %s", quote(name), form)
	case taken[name]:
		v.fail("there is another %s", quote(name))
	default:
		taken[name] = true
		return true
	}
	return false
}

func (b *builder) readClasses(v, root node) {
	b.Classes = []Class{}
	taken := map[string]bool{}
	for _, item := range v.items() {
		f := item.fields("name", "title")
		if name := f["name"].text(); named(orItem(f["name"], item), name, identifier, taken) {
			b.Classes = append(b.Classes, Class{Name: llm.DataClass(name), Title: title(f["title"])})
		}
	}
	if len(taken) == 0 {
		orItem(v, root).fail("a policy needs at least one data class under classes, lowest first")
	}
}

// class reads the name of a data class that the policy has.
func (b *builder) class(v node) llm.DataClass {
	c := llm.DataClass(v.text())
	if b.Rank(c) < 0 && !v.absent() {
		v.fail("there is no data class %s; classes are %s", quote(string(c)), b.classNames())
	}
	return c
}

func (b *builder) classNames() string {
	var names []string
	for _, c := range b.Classes {
		names = append(names, string(c.Name))
	}
	return strings.Join(names, ", ")
}

func (b *builder) readCeilings(v node) {
	b.Ceilings = map[llm.Boundary]llm.DataClass{}
	for _, e := range v.entries() {
		if !known(llm.Boundary(e.name)) {
			e.key.fail("there is no boundary %s; boundaries are embedded, site, external", quote(e.name))
			continue
		}
		if e.value.absent() {
			e.key.fail("name the highest data class that may cross, or leave the boundary out to close it")
			continue
		}
		b.Ceilings[llm.Boundary(e.name)] = b.class(e.value)
	}
}

func (b *builder) readModels(v node) {
	b.Models = map[llm.ModelID]ModelRule{}
	taken := map[string]bool{}
	for _, e := range v.entries() {
		f := e.value.fields("clearance", "disabled")
		if f["clearance"].absent() {
			e.key.fail("clearance is missing: name the highest data class that the model may see")
			continue
		}
		rule := ModelRule{Clearance: b.class(f["clearance"]), Disabled: f["disabled"].truth()}
		if named(e.key, e.name, modelName, taken) {
			b.Models[llm.ModelID(e.name)] = rule
		}
	}
}

func (b *builder) readPools(v node) {
	b.Pools = []Pool{}
	taken := map[string]bool{}
	for _, item := range v.items() {
		f := item.fields("name", "title", "models", "limit")
		p := Pool{Name: f["name"].text(), Title: title(f["title"]), Models: []llm.ModelID{}}
		for _, m := range f["models"].items() {
			id := llm.ModelID(m.text())
			switch _, ok := b.Models[id]; {
			case id == "":
				m.fail("name a model")
			case !ok:
				m.fail("the policy does not enable a model %s; list it under models with its clearance", quote(string(id)))
			case slices.Contains(p.Models, id):
				m.fail("the model %s stands in this pool twice", quote(string(id)))
			default:
				p.Models = append(p.Models, id)
			}
		}
		if f["models"].absent() {
			item.fail("models is missing; a pool without models is written models: []")
		}
		limit := f["limit"].count()
		if limit > 1<<20 {
			f["limit"].fail("at most %d calls at a time can be allowed", 1<<20)
		}
		p.Limit = int(limit)
		if named(orItem(f["name"], item), p.Name, identifier, taken) {
			b.Pools = append(b.Pools, p)
		}
	}
}

func (b *builder) readRules(v node) {
	b.Rules = []Rule{}
	taken := map[string]bool{}
	always := ""
	var whens []node
	for _, item := range v.items() {
		f := item.fields("name", "when", "ladder", "objective")
		r := Rule{Name: f["name"].text(), When: strings.TrimSpace(f["when"].text()), Ladder: []string{}, Objective: ByOrder}
		for _, p := range f["ladder"].items() {
			name := p.text()
			if !slices.ContainsFunc(b.Pools, func(p Pool) bool { return p.Name == name }) {
				p.fail("there is no pool %s", quote(name))
			}
			r.Ladder = append(r.Ladder, name)
		}
		if len(r.Ladder) == 0 {
			orItem(f["ladder"], item).fail("the ladder is missing: list at least one pool")
		}
		if o := f["objective"]; !o.absent() {
			r.Objective = Objective(o.text())
			if !slices.Contains([]Objective{ByOrder, ByCost, ByQuality, ByLatency}, r.Objective) {
				o.fail("there is no objective %s; objectives are order, cost, quality, latency", quote(string(r.Objective)))
			}
		}
		if always != "" {
			item.fail("this rule is never reached: the rule %s before it matches everything", quote(always))
		} else if r.When == "" {
			always = r.Name
		}
		if len(r.When) > maxWhenBytes {
			f["when"].fail("the condition has %d characters; at most %d are read", len(r.When), maxWhenBytes)
			r.When = ""
		}
		if named(orItem(f["name"], item), r.Name, identifier, taken) {
			b.Rules = append(b.Rules, r)
			whens = append(whens, f["when"])
		}
	}
	b.program = compile(b.Policy)
	for i, r := range b.program.rules {
		if r.err != nil {
			whens[i].fail("%v", r.err)
		}
	}
}

// maxWhenBytes bounds a condition, and with it the cost of evaluating it.
const maxWhenBytes = 4096

func (b *builder) readTables(v node) {
	b.Tables = map[string]Table{}
	taken := map[string]bool{}
	for _, e := range v.entries() {
		f := e.value.fields("title", "rows")
		t := Table{Title: title(f["title"]), Rows: []Row{}}
		keys := map[string]bool{}
		for _, item := range f["rows"].items() {
			t.Rows = append(t.Rows, readRow(item, keys))
		}
		if named(e.key, e.name, tableName, taken) {
			b.Tables[e.name] = t
		}
	}
}

// maxNameLetters bounds the names of a table: the search keeps as many letters.
const maxNameLetters = 200

func readRow(item node, keys map[string]bool) Row {
	f := item.fields("key", "names", "note")
	row := Row{Key: f["key"].text(), Names: []string{}, Note: f["note"].text()}
	at := orItem(f["key"], item)
	switch {
	case row.Key == "":
		at.fail("key is missing: say what the names stand for")
	case keys[row.Key]:
		at.fail("there is another row %s", quote(row.Key))
	}
	keys[row.Key] = true
	for _, n := range f["names"].items() {
		name, count := n.text(), 0
		letters(name, expanded, func(letter) { count++ }, func(int) {})
		switch {
		case count == 0:
			n.fail("%s holds no letter or digit to look for", quote(name))
		case count > maxNameLetters:
			n.fail("the name has %d letters; at most %d are looked for", count, maxNameLetters)
		}
		row.Names = append(row.Names, name)
	}
	if len(row.Names) == 0 {
		at.fail("names is missing: list at least one spelling to look for")
	}
	return row
}

func (b *builder) readPrices(v node) {
	b.Prices = map[llm.ModelID]llm.Price{}
	for _, e := range v.entries() {
		f := e.value.fields("inputMicrosPerMillion", "outputMicrosPerMillion", "microsPerSecond")
		if _, ok := b.Models[llm.ModelID(e.name)]; !ok {
			e.key.fail("the policy does not enable a model %s", quote(e.name))
			continue
		}
		b.Prices[llm.ModelID(e.name)] = llm.Price{
			InputMicrosPerMillion:  rate(f["inputMicrosPerMillion"]),
			OutputMicrosPerMillion: rate(f["outputMicrosPerMillion"]),
			MicrosPerSecond:        rate(f["microsPerSecond"]),
		}
	}
}

// rate reads a price. A thousand units per million tokens or per second is more
// than anything costs, and keeps sums of products far from the largest number.
func rate(v node) int64 {
	const most = 1_000_000_000
	n := v.count()
	if n > most {
		v.fail("the rate is higher than %d micros", int64(most))
	}
	return n
}

func (b *builder) readQueues(v node) {
	b.Queues = map[string]Queue{}
	taken := map[string]bool{}
	for _, e := range v.entries() {
		f := e.value.fields("title", "roles")
		q := Queue{Title: title(f["title"]), Roles: []string{}}
		for _, item := range f["roles"].items() {
			role := item.text()
			if !slices.Contains(settlers, role) {
				item.fail("the role %s cannot settle decisions; roles that can are %s", quote(role), strings.Join(settlers, ", "))
			}
			q.Roles = append(q.Roles, role)
		}
		if len(q.Roles) == 0 {
			e.key.fail("roles is missing: nobody could settle what waits here")
		}
		if named(e.key, e.name, identifier, taken) {
			b.Queues[e.name] = q
		}
	}
}

// title reads a text by language; a plain text is one without a language.
func title(v node) map[string]string {
	if v.absent() {
		return nil
	}
	if s := v.textOrNothing(); s != "" {
		return map[string]string{"": s}
	}
	t := map[string]string{}
	for _, e := range v.entries() {
		t[e.name] = e.value.text()
	}
	return t
}

// orItem returns v, or item where v is not in the document, so that a missing
// key is reported at what misses it.
func orItem(v, item node) node {
	if v.n == nil {
		return item
	}
	return v
}
