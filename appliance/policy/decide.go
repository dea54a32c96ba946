package policy

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"

	"skerry/appliance/llm"
)

// Decide answers which model does the work of q: the first rule that matches q
// names a ladder of pools, q.Grade a pool of the ladder, and the rule's
// objective orders the models of the pool that pass every constraint.
//
// The route holds every model that the policy names or that is on offer exactly
// once: as the choice, or rejected for the first reason that applies, in the
// order of the [Reason] constants. Offers may come in any order.
//
// Where there is no choice, Waitable says that waiting can help: a model of
// this pool is only down, and everything else about it is in order, even if it
// has failed before (it may well have failed because it was going down).
// Otherwise every usable model of the pool was tried or there is none; a caller
// then goes one grade up unless Last, and gives up if it is. Decide neither
// tries a model twice nor climbs by itself, because both cost something and
// belong on the rail.
func (p *Policy) Decide(q Query, offers []Offer) Route {
	c := p.compiled()
	d := decision{p: p, c: c, q: &q, objective: ByOrder, route: Route{Grade: q.Grade, Last: true, Rejected: make([]Rejection, 0, len(c.models))}}
	d.pickPool()
	strangers := d.sortOffers(offers)

	if d.pool != nil {
		d.fit = make([]candidate, 0, len(d.pool.members))
		for _, i := range d.pool.members {
			d.look(i, true)
		}
	}
	for i := range c.models {
		if d.pool == nil || !d.pool.has[i] {
			d.look(i, false)
		}
	}
	for _, id := range strangers {
		_, r := p.clearedModel(id, q.Class)
		d.reject(r)
	}
	d.choose()
	return d.route
}

// decision is a question in the course of being answered.
type decision struct {
	p         *Policy
	c         *program
	q         *Query
	route     Route
	objective Objective
	pool      *compiledPool
	noPool    string   // why a model that is fine is not in the pool, or that there is none
	offers    []*Offer // by index into c.models; nil = not on offer
	disputed  []bool   // by index: several offers under one name contradict each other
	fit       []candidate
}

// candidate is a model that could do the work now.
type candidate struct {
	offer *Offer
	cost  int64
}

func (d *decision) pickPool() {
	at, why := d.c.match(d.p, d.q)
	if at < 0 {
		d.noPool = why
		return
	}
	rule := &d.p.Rules[at]
	d.route.Rule, d.objective = rule.Name, rule.Objective
	if d.q.Grade < 0 || d.q.Grade >= len(rule.Ladder) {
		d.noPool = "the ladder of the rule " + quote(rule.Name) + " has no grade " + strconv.Itoa(d.q.Grade)
		return
	}
	d.route.Last = d.q.Grade == len(rule.Ladder)-1
	d.route.Pool = rule.Ladder[d.q.Grade]
	if d.pool = d.c.pools[d.route.Pool]; d.pool == nil {
		d.noPool = "the policy has no pool " + quote(d.route.Pool)
		return
	}
	d.noPool = "it is not in the pool " + quote(d.route.Pool)
}

// sortOffers files the offers by model and returns the models that the policy
// does not name, sorted.
func (d *decision) sortOffers(offers []Offer) []llm.ModelID {
	d.offers, d.disputed = make([]*Offer, len(d.c.models)), make([]bool, len(d.c.models))
	var strangers []llm.ModelID
	for i := range offers {
		o := &offers[i]
		at, ok := d.c.index[o.ID]
		switch {
		case !ok:
			strangers = append(strangers, o.ID)
		case d.offers[at] == nil:
			d.offers[at] = o
		case !reflect.DeepEqual(d.offers[at], o):
			d.disputed[at] = true
		}
	}
	slices.Sort(strangers)
	return slices.Compact(strangers)
}

// look judges one model that the policy names.
func (d *decision) look(i int, inPool bool) {
	id, o := d.c.models[i], d.offers[i]
	if o == nil || d.disputed[i] {
		d.lookAbsent(i, inPool)
		return
	}
	if ok, r := d.p.Cleared(id, o.Boundary, d.q.Class); !ok {
		d.reject(r)
		return
	}
	cost := d.estimate(o)
	if reason, detail := d.constraint(o, cost); reason != "" {
		d.reject(Rejection{id, reason, detail})
		return
	}
	switch {
	case o.Down != "":
		d.route.Waitable = d.route.Waitable || inPool
		d.reject(Rejection{id, Down, "it cannot be called now: " + o.Down})
	case inPool && slices.Contains(d.q.Tried, id):
		d.reject(Rejection{id, AlreadyTried, "it has already failed at this grade"})
	case !inPool:
		d.reject(Rejection{id, NotInPool, d.noPool})
	default:
		d.fit = append(d.fit, candidate{o, cost})
	}
}

// lookAbsent judges a model that cannot be called whatever it is: nobody offers
// it, or it is not clear who does.
func (d *decision) lookAbsent(i int, inPool bool) {
	id := d.c.models[i]
	ok, r := d.p.clearedModel(id, d.q.Class)
	switch {
	case !ok:
		d.reject(r)
	case d.disputed[i]:
		d.reject(Rejection{id, Down, "several providers offer different models under this name; rename one of them"})
	default:
		d.route.Waitable = d.route.Waitable || inPool
		d.reject(Rejection{id, Down, "no provider offers it at the moment"})
	}
}

// constraint returns the first thing about the work that the model cannot do.
func (d *decision) constraint(o *Offer, cost int64) (Reason, string) {
	q, b := d.q, d.p.Budget
	tokens := int64(q.Spent.InputTokens) + int64(q.Spent.OutputTokens) + int64(q.Tokens)
	switch {
	case q.Embed && o.Capabilities.Embeddings == 0:
		return NotCapable, "it makes no vectors of texts"
	case !q.Embed && o.Capabilities.Embeddings > 0 && len(o.Capabilities.Tasks) == 0:
		return NotCapable, "it makes vectors of texts and writes none"
	case !q.Embed && !o.Capabilities.Can(q.Kind):
		return NotCapable, "it cannot do work of the kind " + quote(string(q.Kind))
	case q.Lists && !o.Capabilities.Lists:
		return NotCapable, "it cannot extract lists"
	case q.Images && !o.Capabilities.Vision:
		return NotCapable, "it cannot see images"
	case q.Tokens > o.ContextTokens:
		return TooLong, "the work needs up to " + strconv.Itoa(q.Tokens) + " tokens; its context holds " + strconv.Itoa(o.ContextTokens)
	case b.RunTokens > 0 && tokens > b.RunTokens:
		return OverBudget, "with this call the run could use " + strconv.FormatInt(tokens, 10) + " tokens; its budget is " + strconv.FormatInt(b.RunTokens, 10)
	case b.RunMicros > 0 && cost > 0 && sum(q.SpentMicros, cost) > b.RunMicros:
		return OverBudget, "with this call the run could cost " + money(sum(q.SpentMicros, cost)) + "; its budget is " + money(b.RunMicros)
	}
	return "", ""
}

func (d *decision) reject(r Rejection) { d.route.Rejected = append(d.route.Rejected, r) }

// choose takes the best fit and rejects the rest.
func (d *decision) choose() {
	if len(d.fit) == 0 {
		return
	}
	d.route.Waitable = false
	var words string
	switch d.objective {
	case ByCost:
		words = "is expected to cost less"
		slices.SortStableFunc(d.fit, func(a, b candidate) int { return cmp.Compare(a.cost, b.cost) })
	case ByQuality:
		words = "stands later in the pool, which lists the best last"
		slices.Reverse(d.fit)
	case ByLatency:
		words = "answers faster"
		slices.SortStableFunc(d.fit, func(a, b candidate) int { return cmp.Compare(latency(a.offer), latency(b.offer)) })
	default:
		words = "stands earlier in the pool"
	}
	best := d.fit[0]
	d.route.Model = best.offer.ID
	worse := "it could do it, but " + string(best.offer.ID) + " " + words
	equal := "it could do it, but " + string(best.offer.ID) + " is no worse and stands earlier in the pool"
	for _, f := range d.fit[1:] {
		detail := worse
		if d.objective == ByCost && f.cost == best.cost || d.objective == ByLatency && latency(f.offer) == latency(best.offer) {
			detail = equal
		}
		d.reject(Rejection{f.offer.ID, NotPreferred, detail})
	}
}

// latency returns the measured latency of a call; what was never measured comes
// after what was.
func latency(o *Offer) int64 {
	if o.LatencyMicros <= 0 {
		return math.MaxInt64
	}
	return o.LatencyMicros
}

// unmeasuredMicros is what a call is assumed to take where none was measured:
// one second, which is long for a routine model and short for a large one.
const unmeasuredMicros = 1_000_000

// estimate returns what the call may cost with o: every token of the upper
// estimate at the dearer rate, and the usual time.
func (d *decision) estimate(o *Offer) int64 {
	price := d.p.Price(o.Model)
	if price == (llm.Price{}) {
		return 0
	}
	micros := o.LatencyMicros
	if micros <= 0 {
		micros = unmeasuredMicros
	}
	rate := max(price.InputMicrosPerMillion, price.OutputMicrosPerMillion, 0)
	const million = 1_000_000
	return max(1, sum(share(int64(d.q.Tokens), rate, million), share(micros, max(price.MicrosPerSecond, 0), million)))
}

// Price returns what the model costs under this policy: the policy's price if
// it states one, else the catalogue's.
func (p *Policy) Price(m llm.Model) llm.Price {
	if price, ok := p.Prices[m.ID]; ok {
		return price
	}
	return m.Price
}

// share returns a*b/c rounded up, for c > 0, or the largest number if that is
// too large; a negative a counts as 0.
func share(a, b, c int64) int64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return (a*b-1)/c + 1
}

// sum returns a+b for b ≥ 0, or the largest number if that is too large.
func sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// money renders micro-units of the site's currency.
func money(micros int64) string {
	return strconv.FormatFloat(float64(micros)/1e6, 'f', -1, 64)
}
