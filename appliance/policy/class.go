package policy

import "skerry/appliance/llm"

// Rank returns the position of class c, 0 for the lowest, or -1 if the policy
// does not know it. The zero DataClass has no rank.
func (p *Policy) Rank(c llm.DataClass) int {
	for i := range p.Classes {
		if p.Classes[i].Name == c && c != "" {
			return i
		}
	}
	return -1
}

// Max returns the higher of two classes. A class that the policy does not know
// beats every class that it knows, because no model is cleared for it: what
// cannot be judged is not sent. Of two unknown classes it returns the first.
func (p *Policy) Max(a, b llm.DataClass) llm.DataClass {
	ra, rb := p.Rank(a), p.Rank(b)
	switch {
	case ra < 0:
		return a
	case rb < 0, rb > ra:
		return b
	}
	return a
}

// Classify returns the class of data that starts at class start and that
// evidence has raised to each of raises. A class only rises: evidence below
// start changes nothing.
func (p *Policy) Classify(start llm.DataClass, raises ...llm.DataClass) llm.DataClass {
	for _, r := range raises {
		start = p.Max(start, r)
	}
	return start
}

// Cleared reports whether data of the given class may be sent to a model that
// runs behind boundary b. It is the one clearance check of Skerry: routing,
// retry, failover and the gateway's last look all ask it. What it does not know
// is not cleared: a model that the policy does not enable, a class without a
// rank, a boundary without a ceiling. The Rejection says why not, and is zero
// if the answer is yes.
func (p *Policy) Cleared(model llm.ModelID, b llm.Boundary, class llm.DataClass) (bool, Rejection) {
	if ok, r := p.clearedModel(model, class); !ok {
		return false, r
	}
	ceiling, open := p.Ceilings[b]
	top := p.Rank(ceiling)
	switch {
	case !known(b):
		return false, Rejection{model, BoundaryClosed, "it is not known where the bytes would go (boundary " + quote(string(b)) + ")"}
	case !open, top < 0:
		return false, Rejection{model, BoundaryClosed, "no data may cross into the boundary " + string(b)}
	case p.Rank(class) > top:
		return false, Rejection{model, BoundaryClosed,
			"data up to " + string(ceiling) + " may cross into the boundary " + string(b) + "; the run is " + string(class)}
	}
	return true, Rejection{}
}

// clearedModel is the half of [Policy.Cleared] that can be answered about a
// model that nobody offers. Alone it is no leave to send anything.
func (p *Policy) clearedModel(model llm.ModelID, class llm.DataClass) (bool, Rejection) {
	rule, ok := p.Models[model]
	switch {
	case !ok:
		return false, Rejection{model, NotEnabled, "the policy does not enable this model"}
	case rule.Disabled:
		return false, Rejection{model, NotEnabled, "the policy has switched this model off"}
	}
	need, have := p.Rank(class), p.Rank(rule.Clearance)
	switch {
	case need < 0:
		return false, Rejection{model, BelowClass, "the policy knows no data class " + quote(string(class)) + ", so nothing is cleared for it"}
	case have < 0:
		return false, Rejection{model, BelowClass, "its clearance " + quote(string(rule.Clearance)) + " is no data class of the policy"}
	case have < need:
		if p.program != nil { // the same words, made once
			return false, Rejection{model, BelowClass, p.program.below[have][need]}
		}
		return false, Rejection{model, BelowClass, belowClass(rule.Clearance, class)}
	}
	return true, Rejection{}
}

func belowClass(clearance, class llm.DataClass) string {
	return "cleared up to " + string(clearance) + "; the run is " + string(class)
}

// known reports whether b is one of the boundaries that there are.
func known(b llm.Boundary) bool {
	switch b {
	case llm.Embedded, llm.Site, llm.External:
		return true
	}
	return false
}

// quote puts s between quotation marks for a sentence that a person reads.
func quote(s string) string { return "“" + s + "”" }
