// Package gateway does one model call well: it routes among the models that
// are on offer, waits its turn, asks policy for clearance before every single
// request, puts the neutral prompt into the model's dialect, calls, reads the
// answer, and accounts for time and money. It keeps no state of a run and
// never sleeps between attempts: what comes after a failure is the value that
// [After] returns, which the engine makes durable. Start with
// [Gateway.Generate].
package gateway

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"skerry/appliance/llm"
	"skerry/appliance/policy"
)

// Registry knows the models that can be called now.
type Registry interface {
	// Offers returns every model of the catalogue as it stands now.
	Offers() []policy.Offer
	// Provider returns who serves a model and its catalogue entry; false if
	// nobody does.
	Provider(llm.ModelID) (llm.Provider, llm.Model, bool)
	// Profile returns the prompt profile of that name.
	Profile(name string) (llm.Profile, bool)
	// Changed is closed when health or the catalogue changes; ask again for
	// the next change.
	Changed() <-chan struct{}
}

// Config is what a Gateway needs. Zero values have the defaults stated.
type Config struct {
	Registry Registry

	// ModelLimit is the number of concurrent calls per model; absent or 0 =
	// AnyModelLimit. Pools bring theirs in the policy.
	ModelLimit map[llm.ModelID]int

	// AnyModelLimit is that number for every other model, also those that join
	// the catalogue later; 0 = no limit of its own.
	AnyModelLimit int

	// RequestTimeout bounds one request, waiting for a turn not included.
	// Default 5 minutes: a long document on a slow CPU.
	RequestTimeout time.Duration

	// MaxOutputBytes bounds the text of one response. Default 4 MiB.
	MaxOutputBytes int

	// Now measures latency. Default time.Now.
	Now func() time.Time

	// Log receives what no observation can hold. Default slog.Default.
	Log *slog.Logger
}

// Gateway calls models. It is safe for concurrent use.
type Gateway struct {
	registry   Registry
	timeout    time.Duration
	maxOutput  int
	now        func() time.Time
	log        *slog.Logger
	modelLimit map[llm.ModelID]int
	anyLimit   int
	turns      *limiter
	latency    *latencies

	// clear is [cleared], replaced only by the negative control of the test
	// that proves the detector of leaks.
	clear func(Clearance, llm.ModelID, llm.Boundary) error
}

// New returns a Gateway.
func New(c Config) *Gateway {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Gateway{
		registry: c.Registry, timeout: cmp.Or(c.RequestTimeout, 5*time.Minute),
		maxOutput: cmp.Or(c.MaxOutputBytes, 4<<20), now: c.Now, log: c.Log,
		modelLimit: c.ModelLimit, anyLimit: c.AnyModelLimit, turns: newLimiter(), latency: newLatencies(), clear: cleared,
	}
}

// Changed is closed when it is worth while to ask Route again.
func (g *Gateway) Changed() <-chan struct{} { return g.registry.Changed() }

// Offers returns the models on offer with the latency that this gateway has
// measured where the registry states none.
func (g *Gateway) Offers() []policy.Offer {
	offers := slices.Clone(g.registry.Offers())
	for i := range offers {
		if offers[i].LatencyMicros == 0 {
			offers[i].LatencyMicros = g.latency.median(offers[i].ID)
		}
	}
	return offers
}

// Route asks the policy that the run is pinned to for a model, and returns the
// catalogue entry of the choice with the route. A model whose
// clearance has been withdrawn since, by the active policy, is not even put
// forward, so that a run can wait for another instead of being refused at the
// door again and again.
func (g *Gateway) Route(c Clearance, q policy.Query) (policy.Route, llm.Model) {
	var open []policy.Offer
	var withdrawn []policy.Rejection
	class := c.class()
	for _, o := range g.Offers() {
		if why, ok := c.withdrawn(o.ID, o.Boundary, class); ok {
			withdrawn = append(withdrawn, why)
			continue
		}
		open = append(open, o)
	}
	if c.Pinned == nil {
		return policy.Route{Grade: q.Grade, Rejected: withdrawn}, llm.Model{}
	}
	r := c.Pinned.Decide(q, open)
	r.Rejected = replaceRejections(r.Rejected, withdrawn)
	for i := range open {
		if open[i].ID == r.Model {
			return r, open[i].Model
		}
	}
	return r, llm.Model{}
}

// replaceRejections lets the withdrawal of a clearance stand in for what the
// pinned policy says about a model that it was not shown.
func replaceRejections(rejected, withdrawn []policy.Rejection) []policy.Rejection {
	if len(withdrawn) == 0 {
		return rejected
	}
	out := slices.DeleteFunc(slices.Clone(rejected), func(r policy.Rejection) bool {
		return slices.ContainsFunc(withdrawn, func(w policy.Rejection) bool { return w.Model == r.Model })
	})
	return append(out, withdrawn...)
}

// Clearance is everything that says what a model may see: the policy that the
// run is pinned to, the policy in force now, and the class of the run now. The
// stricter of both policies wins, since a clearance that was withdrawn must
// not live on in runs that started before.
type Clearance struct {
	Pinned *policy.Policy
	Active func() *policy.Policy // nil or returning nil: nothing is cleared
	Class  func() llm.DataClass  // of the run at this moment; nil: nothing is cleared
}

func (c Clearance) class() llm.DataClass {
	if c.Class == nil {
		return ""
	}
	return c.Class()
}

// withdrawn reports whether the active policy refuses what the pinned one may
// allow.
func (c Clearance) withdrawn(m llm.ModelID, b llm.Boundary, class llm.DataClass) (policy.Rejection, bool) {
	var active *policy.Policy
	if c.Active != nil {
		active = c.Active()
	}
	if active == nil {
		return policy.Rejection{Model: m, Reason: policy.NotEnabled, Detail: "no policy is active"}, true
	}
	if active == c.Pinned {
		return policy.Rejection{}, false
	}
	ok, why := active.Cleared(m, b, class)
	if ok {
		return policy.Rejection{}, false
	}
	why.Detail = fmt.Sprintf("policy version %d, in force now, refuses: %s", active.Version, why.Detail)
	return why, true
}

// cleared is the door: it returns nil if, at this moment, data of the run may
// go to the model. Everything that is missing or unknown closes it.
func cleared(c Clearance, m llm.ModelID, b llm.Boundary) error {
	class := c.class()
	if c.Pinned == nil || class == "" {
		return &llm.Error{Kind: llm.Unavailable, Message: "nothing was sent: the policy or the data class of the run is unknown"}
	}
	if ok, why := c.Pinned.Cleared(m, b, class); !ok {
		return refused(m, class, why)
	}
	if why, ok := c.withdrawn(m, b, class); ok {
		return refused(m, class, why)
	}
	return nil
}

func refused(m llm.ModelID, class llm.DataClass, why policy.Rejection) error {
	return &llm.Error{Kind: llm.Unavailable, Message: fmt.Sprintf("nothing was sent: model %s may not see data of class %s (%s: %s)", m, class, why.Reason, why.Detail)}
}
