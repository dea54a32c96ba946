package policy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"skerry/appliance/llm"
)

// offer is an embedded model that can do everything and is up.
func offer(id llm.ModelID) Offer {
	return Offer{Model: llm.Model{
		ID: id, Boundary: llm.Embedded, ContextTokens: 4096,
		Capabilities: llm.Capabilities{Tasks: []llm.TaskKind{llm.TaskExtract, llm.TaskClassify}, Lists: true},
	}}
}

func parse(t testing.TB, source string) *Policy {
	t.Helper()
	p, err := Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const site = `
classes: [{name: public}, {name: internal}, {name: restricted}]
ceilings: {embedded: restricted, external: public}
models:
  a: {clearance: restricted}
  b: {clearance: restricted}
  c: {clearance: internal}
  d: {clearance: restricted, disabled: true}
  e: {clearance: restricted}
pools:
  - {name: routine, models: [a, b, c, d]}
  - {name: strong, models: [e]}
rules:
  - {name: cheap, when: 'mission == "cheap"', ladder: [routine], objective: cost}
  - {name: best, when: 'step == "best"', ladder: [routine], objective: quality}
  - {name: fast, when: 'kind == "classify" && tokens < 100', ladder: [routine], objective: latency}
  - {name: broken, when: '1 / grade > 0 && mission == "broken"', ladder: [strong]}
  - {name: default, ladder: [routine, strong]}
budget: {runMicros: 1000, runTokens: 10000}
prices:
  b: {inputMicrosPerMillion: 1000000}
`

func TestDecide(t *testing.T) {
	type offers map[llm.ModelID]func(*Offer)
	up := func(*Offer) {}
	down := func(o *Offer) { o.Down = "the process has ended" }
	external := func(o *Offer) { o.Boundary = llm.External }
	encoder := func(o *Offer) { o.Capabilities, o.ContextTokens = llm.Capabilities{Embeddings: 64}, 512 }
	for _, row := range []struct {
		says   string
		query  Query
		offers offers
		want   llm.ModelID
		why    string // "model reason detail" of one rejection
		wait   bool
	}{
		{"the first of the pool is chosen", Query{}, offers{"a": up, "b": up}, "a", "b not-preferred it could do it, but a stands earlier in the pool", false},
		{"the second where the first is down", Query{}, offers{"a": down, "b": up}, "b", "a down it cannot be called now: the process has ended", false},
		{"nobody where all are down, and waiting helps", Query{}, offers{"a": down}, "", "a down it cannot be called now: the process has ended", true},
		{"waiting helps where nobody offers a cleared model", Query{}, offers{}, "", "a down no provider offers it at the moment", true},
		{"waiting helps where the model that failed is down", Query{Tried: []llm.ModelID{"a", "b"}}, offers{"a": down, "b": up}, "", "b already-tried it has already failed at this grade", true},
		{"no waiting where all were tried", Query{Tried: []llm.ModelID{"a", "b"}}, offers{"a": up, "b": up}, "", "a already-tried it has already failed at this grade", false},
		{"no waiting for a model of another pool", Query{Tried: []llm.ModelID{"a", "b"}}, offers{"a": up, "b": up, "e": down}, "", "e down it cannot be called now: the process has ended", false},
		{"a model below the class", Query{}, offers{"a": up, "b": up, "c": up}, "a", "c clearance-below-class cleared up to internal; the run is restricted", false},
		{"a model behind a closed boundary", Query{}, offers{"a": external, "b": up}, "b", "a boundary-closed data up to public may cross into the boundary external; the run is restricted", false},
		{"a boundary that nobody knows", Query{}, offers{"a": func(o *Offer) { o.Boundary = "moon" }, "b": up}, "b", "a boundary-closed it is not known where the bytes would go (boundary “moon”)", false},
		{"a model that is switched off", Query{}, offers{"a": up, "d": up}, "a", "d not-enabled the policy has switched this model off", false},
		{"a model that the policy does not know", Query{}, offers{"a": up, "z": up}, "a", "z not-enabled the policy does not enable this model", false},
		{"a model of another pool", Query{}, offers{"a": up, "e": up}, "a", "e not-in-pool it is not in the pool “routine”", false},
		{"a class that the policy does not know", Query{Class: "secret"}, offers{"a": up}, "", "a clearance-below-class the policy knows no data class “secret”, so nothing is cleared for it", false},
		{"no class at all", Query{Class: "-"}, offers{"a": up}, "", "a clearance-below-class the policy knows no data class “-”, so nothing is cleared for it", false},
		{"work that a model cannot do", Query{Kind: llm.TaskGenerate}, offers{"a": up}, "", "a not-capable it cannot do work of the kind “generate”", true},
		{"lists", Query{Lists: true}, offers{"a": func(o *Offer) { o.Capabilities.Lists = false }, "b": up}, "b", "a not-capable it cannot extract lists", false},
		{"images", Query{Images: true}, offers{"a": up, "b": func(o *Offer) { o.Capabilities.Vision = true }}, "b", "a not-capable it cannot see images", false},
		{"images that nobody sees", Query{Images: true}, offers{"a": up, "b": up}, "", "b not-capable it cannot see images", false},
		{"text for a model that sees images as well", Query{}, offers{"a": func(o *Offer) { o.Capabilities.Vision = true }}, "a", "b down no provider offers it at the moment", false},
		{"vectors", Query{Embed: true}, offers{"a": up, "b": encoder}, "b", "a not-capable it makes no vectors of texts", false},
		{"vectors of a text that is too long", Query{Embed: true, Tokens: 513}, offers{"a": up, "b": encoder}, "", "b context-too-long the work needs up to 513 tokens; its context holds 512", false},
		{"text for a model that makes vectors", Query{}, offers{"a": encoder, "b": up}, "b", "a not-capable it makes vectors of texts and writes none", false},
		{"text for a model that does both", Query{}, offers{"a": func(o *Offer) { o.Capabilities.Embeddings = 64 }}, "a", "b down no provider offers it at the moment", false},
		{"work that is too long", Query{Tokens: 5000}, offers{"a": up, "b": func(o *Offer) { o.ContextTokens = 9000 }}, "", "a context-too-long the work needs up to 5000 tokens; its context holds 4096", false},
		{"too many tokens for the run", Query{Tokens: 1000, Spent: llm.Usage{InputTokens: 8000, OutputTokens: 1001}}, offers{"a": up}, "", "a over-budget with this call the run could use 10001 tokens; its budget is 10000", true},
		{"too much money for the run", Query{Tokens: 600, SpentMicros: 401}, offers{"a": down, "b": up}, "", "b over-budget with this call the run could cost 0.001001; its budget is 0.001", true},
		{"just enough money", Query{Tokens: 600, SpentMicros: 400}, offers{"a": down, "b": up}, "b", "a down it cannot be called now: the process has ended", false},
		{"a free model however much was spent", Query{SpentMicros: 1 << 40}, offers{"a": up}, "a", "b down no provider offers it at the moment", false},
		{"the cheapest", Query{Mission: "cheap", Tokens: 10}, offers{"a": func(o *Offer) { o.Price.OutputMicrosPerMillion = 3_000_000 }, "b": up}, "b", "a not-preferred it could do it, but b is expected to cost less", false},
		{"the best", Query{Step: "best"}, offers{"a": up, "b": up}, "b", "a not-preferred it could do it, but b stands later in the pool, which lists the best last", false},
		{"the fastest, a measured one before an unmeasured one", Query{Kind: llm.TaskClassify, Tokens: 50}, offers{"a": up, "b": func(o *Offer) { o.LatencyMicros = 5 }}, "b", "a not-preferred it could do it, but b answers faster", false},
		{"of equals the earlier", Query{Mission: "cheap", Tokens: 1}, offers{"a": up, "b": up, "e": up}, "a", "e not-in-pool it is not in the pool “routine”", false},
		{"a rule that cannot be evaluated stops the search", Query{Mission: "broken", Tokens: 50}, offers{"a": up}, "", "a not-in-pool the rule “broken” cannot be evaluated: division by zero", false},
		{"the next grade", Query{Grade: 1}, offers{"a": up, "e": up}, "e", "a not-in-pool it is not in the pool “strong”", false},
		{"a grade that there is not", Query{Grade: 2}, offers{"a": up, "e": up}, "", "e not-in-pool the ladder of the rule “default” has no grade 2", false},
		{"a negative grade", Query{Grade: -1}, offers{"a": up}, "", "a not-in-pool the ladder of the rule “default” has no grade -1", false},
	} {
		t.Run(row.says, func(t *testing.T) {
			q := row.query
			if q.Class == "" {
				q.Class = "restricted"
			}
			if q.Kind == "" && !q.Embed {
				q.Kind = llm.TaskExtract
			}
			source := site
			if q.Mission != "broken" {
				source = strings.Replace(site, "1 / grade > 0 && ", "", 1)
			}
			var list []Offer
			for id, change := range row.offers {
				o := offer(id)
				change(&o)
				list = append(list, o)
			}
			got := parse(t, source).Decide(q, list)
			if got.Model != row.want || got.Waitable != row.wait {
				t.Errorf("got %q, waitable %t; want %q, %t\n%+v", got.Model, got.Waitable, row.want, row.wait, got)
			}
			var whys []string
			for _, r := range got.Rejected {
				whys = append(whys, fmt.Sprintf("%s %s %s", r.Model, r.Reason, r.Detail))
			}
			if !slices.Contains(whys, row.why) {
				t.Errorf("rejections:\n%s\nwant among them: %s", strings.Join(whys, "\n"), row.why)
			}
		})
	}
}

func TestAtLeastFollowsTheOrderOfClasses(t *testing.T) {
	p := parse(t, strings.Replace(site, `mission == "cheap"`, `at_least(class, "internal")`, 1))
	for class, want := range map[llm.DataClass]string{"public": "default", "internal": "cheap", "restricted": "cheap", "secret": "cheap"} {
		if got := p.Decide(Query{Class: class, Grade: 0, Mission: "x", Kind: llm.TaskExtract}, nil); got.Rule != want && !(want == "default" && got.Rule == "") {
			t.Errorf("%s: got rule %q, want %q", class, got.Rule, want)
		}
	}
}

// TestDisputedOffer: two providers that mean different things by one name are
// not chosen between.
func TestDisputedOffer(t *testing.T) {
	p := parse(t, site)
	near, far := offer("a"), offer("a")
	far.Boundary = llm.External
	q := Query{Class: "public", Kind: llm.TaskExtract, Grade: 1, Mission: "cheap"}
	for _, offers := range [][]Offer{{near, far}, {far, near}} {
		got := p.Decide(q, offers)
		if got.Model != "" || got.Rejected[0].Reason != Down || !strings.Contains(got.Rejected[0].Detail, "several providers") {
			t.Errorf("got %+v", got)
		}
	}
	q.Grade = 0
	if got := p.Decide(q, []Offer{near, near}); got.Model != "a" { // the control: said twice is not disputed
		t.Errorf("the same offer twice: got %+v", got)
	}
}

// The random site that properties are checked on.
var (
	ids        = []llm.ModelID{"m0", "m1", "m2", "m3", "m4", "m5"}
	classes    = []llm.DataClass{"public", "internal", "confidential", "restricted"}
	anyClass   = append([]llm.DataClass{"", "unheard-of"}, classes...)
	boundaries = []llm.Boundary{llm.Embedded, llm.Site, llm.External, "", "moon"}
)

// drawClass mostly draws a class that the policy knows, so that something is
// left to choose from.
func drawClass(t *rapid.T, p *Policy, label string) llm.DataClass {
	if !mostly(t, label+" is known") {
		return rapid.SampledFrom(anyClass).Draw(t, label)
	}
	return rapid.SampledFrom(p.Classes).Draw(t, label).Name
}

// mostly is true nine times in ten.
func mostly(t *rapid.T, label string) bool { return rapid.IntRange(0, 9).Draw(t, label) < 9 }

func drawPolicy(t *rapid.T) *Policy {
	p := &Policy{Ceilings: map[llm.Boundary]llm.DataClass{}, Models: map[llm.ModelID]ModelRule{}}
	for _, c := range classes[:4-rapid.IntRange(0, 3).Draw(t, "classes")] {
		p.Classes = append(p.Classes, Class{Name: c})
	}
	for _, b := range boundaries {
		if mostly(t, "open") {
			p.Ceilings[b] = drawClass(t, p, "ceiling")
		}
	}
	for _, id := range ids[:5] { // the last is never enabled
		if mostly(t, "enabled") {
			p.Models[id] = ModelRule{drawClass(t, p, "clearance"), !mostly(t, "usable")}
		}
	}
	pools := []string{"p0", "p1", "p2"}
	for _, name := range pools {
		p.Pools = append(p.Pools, Pool{Name: name, Models: rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 2, 6, rapid.ID).Draw(t, "pool")})
	}
	count := 0
	if mostly(t, "rules") {
		count = rapid.IntRange(1, 3).Draw(t, "how many")
	}
	for i := range count {
		p.Rules = append(p.Rules, Rule{
			Name:      fmt.Sprint("r", i),
			When:      rapid.SampledFrom([]string{"", "", "grade >= 0", `class == "internal"`, "1 / tokens > 0", `at_least(class, "restricted")`}).Draw(t, "when"),
			Ladder:    rapid.SliceOfN(rapid.SampledFrom([]string{"p0", "p0", "p1", "p2", "gone"}), 1, 3).Draw(t, "ladder"),
			Objective: rapid.SampledFrom([]Objective{"", ByOrder, ByCost, ByQuality, ByLatency}).Draw(t, "objective"),
		})
	}
	if !mostly(t, "unbounded") {
		p.Budget = Budget{RunMicros: rapid.Int64Range(0, 5000).Draw(t, "runMicros"), RunTokens: rapid.Int64Range(0, 5000).Draw(t, "runTokens")}
	}
	p.program = compile(p)
	return p
}

func drawQuery(t *rapid.T, p *Policy) Query {
	return Query{
		Class: drawClass(t, p, "class"), Kind: rapid.SampledFrom([]llm.TaskKind{llm.TaskExtract, llm.TaskExtract, llm.TaskExtract, llm.TaskClassify, llm.TaskClassify, ""}).Draw(t, "kind"),
		Grade: rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, -1}).Draw(t, "grade"), Tokens: rapid.IntRange(0, 2000).Draw(t, "tokens"), Lists: !mostly(t, "no lists"),
		Images: !mostly(t, "no images"), Embed: !mostly(t, "no vectors"),
		SpentMicros: rapid.Int64Range(0, 6000).Draw(t, "spent"), Tried: rapid.SliceOfN(rapid.SampledFrom(ids), 0, 1).Draw(t, "tried"),
	}
}

func drawOffers(t *rapid.T) []Offer {
	var offers []Offer
	offered := rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 3, 6, rapid.ID).Draw(t, "offered")
	if !mostly(t, "one each") {
		offered = append(offered, offered[0])
	}
	for _, id := range offered {
		o := offer(id)
		o.Boundary = rapid.SampledFrom([]llm.Boundary{llm.Embedded, llm.Embedded, llm.Site, llm.Site, llm.External, llm.External, "", "moon"}).Draw(t, "boundary")
		o.ContextTokens = 6000 - rapid.IntRange(0, 5500).Draw(t, "context")
		o.Capabilities.Lists = mostly(t, "can list")
		o.Capabilities.Vision = rapid.Bool().Draw(t, "can see")
		o.Capabilities.Embeddings = 64 * rapid.IntRange(0, 1).Draw(t, "vectors")
		if o.Capabilities.Embeddings > 0 && !mostly(t, "does both") {
			o.Capabilities.Tasks = nil
		}
		o.Price.MicrosPerSecond = rapid.Int64Range(0, 3).Draw(t, "price") * 500
		o.LatencyMicros = rapid.Int64Range(0, 3).Draw(t, "latency") * 1_000_000
		o.Down = rapid.SampledFrom([]string{"", "", "", "", "gone"}).Draw(t, "down")
		offers = append(offers, o)
	}
	return offers
}

func drawAll(t *rapid.T) (*Policy, Query, []Offer) {
	p := drawPolicy(t)
	return p, drawQuery(t, p), drawOffers(t)
}

// variants returns q at every class and grade, so that what is drawn has many
// chances to go wrong.
func variants(q Query) []Query {
	var all []Query
	for _, class := range anyClass {
		for grade := range 3 {
			q.Class, q.Grade = class, grade
			all = append(all, q)
		}
	}
	return all
}

// leaks says why sending to the chosen model would be a leak, or "". It is
// written from the definition of clearance and shares no code with Cleared.
func leaks(p *Policy, q Query, r Route, offers []Offer) string {
	if r.Model == "" {
		return ""
	}
	rank := map[llm.DataClass]int{}
	for i, c := range p.Classes {
		rank[c.Name] = i + 1
	}
	class := rank[q.Class]
	rule, enabled := p.Models[r.Model]
	if !enabled || rule.Disabled {
		return "the model is not enabled"
	}
	if class == 0 || rank[rule.Clearance] < class {
		return "its clearance is below the class"
	}
	for _, o := range offers {
		if o.ID == r.Model && (rank[p.Ceilings[o.Boundary]] < class || !slices.Contains(boundaries[:3], o.Boundary)) {
			return "the boundary is closed to the class"
		}
	}
	return ""
}

// TestDecideNeverLeaks: whatever models are on offer, data never goes to a
// model that is not cleared for its class.
func TestDecideNeverLeaks(t *testing.T) {
	chosen := 0
	rapid.Check(t, func(t *rapid.T) {
		p, q, offers := drawAll(t)
		for _, q := range variants(q) {
			r := p.Decide(q, offers)
			if r.Model != "" {
				chosen++
			}
			if why := leaks(p, q, r, offers); why != "" {
				t.Fatalf("%s gets %s data: %s", r.Model, q.Class, why)
			}
		}
	})
	if chosen < 20 {
		t.Errorf("only %d random queries had a model to choose, so little was tested", chosen)
	}
}

// incapable says what the chosen model cannot do of the work, or "". It is
// written from the definition of capabilities and shares no code with Decide.
func incapable(q Query, r Route, offers []Offer) string {
	for _, o := range offers {
		if o.ID != r.Model {
			continue
		}
		switch c := o.Capabilities; {
		case q.Images && !c.Vision:
			return "it is shown images and is blind"
		case q.Embed != (c.Embeddings > 0) && (q.Embed || len(c.Tasks) == 0):
			return "vectors and text are mixed up"
		case !q.Embed && !slices.Contains(c.Tasks, q.Kind):
			return "it cannot do the task"
		}
	}
	return ""
}

// TestDecideChoosesTheCapable: whatever models are on offer, the chosen one can
// do the work.
func TestDecideChoosesTheCapable(t *testing.T) {
	images, vectors, caught := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, q, offers := drawAll(t)
		for i, q := range append(variants(q), variants(q)...) {
			q.Images, q.Embed = i%2 == 0, i%5 < 2
			r := p.Decide(q, offers)
			if why := incapable(q, r, offers); why != "" {
				t.Fatalf("%s is chosen for %+v: %s", r.Model, q, why)
			}
			if r.Model != "" && q.Images {
				images++
			}
			if r.Model != "" && q.Embed {
				vectors++
			}
			// Negative control: what would be chosen if nobody asked.
			blind := q
			blind.Images, blind.Embed = false, false
			if incapable(q, p.Decide(blind, offers), offers) != "" {
				caught++
			}
		}
	})
	if images < 5 || vectors < 5 || caught < 5 {
		t.Errorf("%d queries with images and %d for vectors had a model to choose, and %d wrong choices were caught; so little was tested", images, vectors, caught)
	}
}

// TestLeakDetectorNegativeControl: with each guard of the clearance check off,
// the property above would fail. A guard is off when the policy that decides
// lacks the restriction that the detector still holds against its choice.
func TestLeakDetectorNegativeControl(t *testing.T) {
	for name, loosen := range map[string]func(*Policy){
		"clearance": func(p *Policy) {
			for id, m := range p.Models {
				p.Models[id] = ModelRule{p.Classes[len(p.Classes)-1].Name, m.Disabled}
			}
		},
		"boundary": func(p *Policy) {
			p.Ceilings = map[llm.Boundary]llm.DataClass{}
			for _, b := range boundaries {
				p.Ceilings[b] = p.Classes[len(p.Classes)-1].Name
			}
		},
		"enabling": func(p *Policy) {
			p.Models = map[llm.ModelID]ModelRule{}
			for _, id := range ids {
				p.Models[id] = ModelRule{Clearance: p.Classes[len(p.Classes)-1].Name}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := false
			rapid.Check(t, func(t *rapid.T) {
				strict, q, offers := drawAll(t)
				loose := *strict
				loose.Models = map[llm.ModelID]ModelRule{}
				for id, m := range strict.Models {
					loose.Models[id] = m
				}
				loosen(&loose)
				loose.program = compile(&loose)
				for _, q := range variants(q) {
					found = found || leaks(strict, q, loose.Decide(q, offers), offers) != ""
				}
			})
			if !found {
				t.Error("a policy without this guard was not caught leaking")
			}
		})
	}
}

// TestEveryCandidateIsAnsweredOnce: the choice and the rejections together are
// all models of the policy and the offers, once each, every rejection with a
// reason that there is and words.
func TestEveryCandidateIsAnsweredOnce(t *testing.T) {
	reasons := []Reason{NotEnabled, BelowClass, BoundaryClosed, NotCapable, TooLong, OverBudget, Down, AlreadyTried, NotInPool, NotPreferred}
	rapid.Check(t, func(t *rapid.T) {
		p, q, offers := drawAll(t)
		r := p.Decide(q, offers)
		want := map[llm.ModelID]int{}
		for id := range p.Models {
			want[id] = 1
		}
		for _, pool := range p.Pools {
			for _, id := range pool.Models {
				want[id] = 1
			}
		}
		for _, o := range offers {
			want[o.ID] = 1
		}
		got := map[llm.ModelID]int{}
		if r.Model != "" {
			got[r.Model]++
		}
		for _, rej := range r.Rejected {
			got[rej.Model]++
			if !slices.Contains(reasons, rej.Reason) || len(rej.Detail) < 10 {
				t.Errorf("rejection without a reason: %+v", rej)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("answered %v, want %v", got, want)
		}
		if r.Model != "" && r.Waitable {
			t.Errorf("a choice, and yet waiting: %+v", r)
		}
	})
}

// TestDecideIgnoresTheOrderOfOffers, and gives the same answer every time.
func TestDecideIgnoresTheOrderOfOffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, offers := drawAll(t)
		first := p.Decide(q, offers)
		shuffled := rapid.Permutation(offers).Draw(t, "shuffled")
		bare := *p
		bare.program = nil
		for name, again := range map[string]Route{"again": p.Decide(q, offers), "shuffled": p.Decide(q, shuffled), "uncompiled": bare.Decide(q, offers)} {
			if !reflect.DeepEqual(first, again) {
				t.Fatalf("%s: got %+v, want %+v", name, again, first)
			}
		}
	})
}

// TestRaisingTheClassNeverAllowsMore: what is cleared for a class is cleared for
// every lower one.
func TestRaisingTheClassNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		low, raise := rapid.SampledFrom(anyClass).Draw(t, "low"), rapid.SampledFrom(anyClass).Draw(t, "raise")
		high := p.Max(low, raise)
		if p.Rank(low) < 0 {
			t.Skip("nothing is below a class that is unknown")
		}
		for _, id := range ids {
			for _, b := range boundaries {
				if up, _ := p.Cleared(id, b, high); up {
					if ok, why := p.Cleared(id, b, low); !ok {
						t.Errorf("%s is cleared for %s but not for %s: %v", id, high, low, why)
					}
				}
			}
		}
	})
}

// TestClassOnlyRises: evidence never lowers a class, its order does not matter,
// and an unknown class stays above all.
func TestClassOnlyRises(t *testing.T) {
	p := parse(t, site)
	list := rapid.SliceOf(rapid.SampledFrom([]llm.DataClass{"public", "internal", "restricted", "unheard-of"}))
	rapid.Check(t, func(t *rapid.T) {
		start, raises := rapid.SampledFrom([]llm.DataClass{"public", "internal", "restricted"}).Draw(t, "start"), list.Draw(t, "raises")
		got := p.Classify(start, raises...)
		if p.Rank(got) >= 0 && p.Rank(got) < p.Rank(start) {
			t.Errorf("%s fell to %s by %v", start, got, raises)
		}
		if again := p.Classify(start, rapid.Permutation(raises).Draw(t, "shuffled")...); again != got {
			t.Errorf("got %s, in another order %s", got, again)
		}
		if slices.Contains(raises, "unheard-of") != (p.Rank(got) < 0) {
			t.Errorf("%s raised by %v is %s", start, raises, got)
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	p := &Policy{Classes: []Class{{Name: "low"}, {Name: "high"}}, Ceilings: map[llm.Boundary]llm.DataClass{llm.Embedded: "high"}, Models: map[llm.ModelID]ModelRule{}}
	var offers []Offer
	pool := Pool{Name: "all"}
	for i := range 500 {
		id := llm.ModelID(fmt.Sprintf("model-%03d", i))
		p.Models[id] = ModelRule{Clearance: []llm.DataClass{"low", "high"}[i%2]}
		if i%3 > 0 {
			pool.Models = append(pool.Models, id)
		}
		offers = append(offers, offer(id))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(offers), func(i, j int) { offers[i], offers[j] = offers[j], offers[i] })
	p.Pools = []Pool{pool}
	for i := range 200 {
		p.Rules = append(p.Rules, Rule{Name: fmt.Sprint("r", i), When: fmt.Sprintf(`mission == "m%d" && tokens > 10`, i), Ladder: []string{"all"}})
	}
	p.program = compile(p)
	q := Query{Mission: "m199", Kind: llm.TaskExtract, Class: "high", Tokens: 500}
	for b.Loop() {
		if p.Decide(q, offers).Model == "" {
			b.Fatal("no choice")
		}
	}
}
