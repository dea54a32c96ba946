package mission

import (
	"fmt"
	"strings"

	"skerry/appliance/llm"
)

// Sentence returns the observation as one plain sentence in language lang,
// which is "de" or else English: a line of the Explain rail. It never repeats
// the contents of a document beyond what a model was asked for.
func (o Observation) Sentence(lang string) string {
	if !o.hasPayload() {
		return tell(lang, "An observation that this version does not know.", "Eine Beobachtung, die diese Version nicht kennt.")
	}
	t := teller{lang, o.Step}
	switch o.Kind {
	case KindCreated:
		return t.created(o.Created)
	case KindRead:
		return t.read(o.Read)
	case KindClassified:
		return t.classified(o.Classified)
	case KindRouted:
		return t.routed(&o)
	case KindParked:
		return t.say("%s waits: %s.", "%s wartet: %s.", t.step, bare(o.Parked.Why))
	case KindResumed:
		if t.step != "" {
			return t.say("%s goes on: %s.", "%s geht weiter: %s.", t.step, bare(o.Resumed.Why))
		}
		return t.say("The run goes on: %s.", "Der Lauf geht weiter: %s.", bare(o.Resumed.Why))
	case KindGenerated:
		return t.generated(o.Generated)
	case KindFailed:
		return t.failed(o.Failed)
	case KindChecked:
		return t.checked(o.Checked)
	case KindEscalated:
		return t.say("%s goes to the next grade (%d → %d): %s.", "%s geht zur nächsten Stufe (%d → %d): %s.",
			t.step, o.Escalated.From+1, o.Escalated.To+1, bare(o.Escalated.Because.In(lang)))
	case KindQueued:
		return t.queued(o.Queued)
	case KindDecided:
		return t.decided(o.Decided)
	case KindBranched:
		if o.Branched.Taken == "" {
			return t.say("%s takes no branch.", "%s nimmt keinen Zweig.", t.step)
		}
		return t.say("%s takes the branch %s.", "%s nimmt den Zweig %s.", t.step, o.Branched.Taken)
	case KindOpened:
		return t.count(len(o.Opened.Items), "%s goes through one element.", "%s geht ein Element durch.", "%s goes through %d elements.", "%s geht %d Elemente durch.")
	case KindStarted:
		return t.say("%s starts mission %s as run %s.", "%s startet die Mission %s als Lauf %s.", t.step, o.Started.Mission, string(o.Started.Child))
	case KindReturned:
		return t.say("%s: run %s ended %s (%s).", "%s: Lauf %s endete mit %s (%s).", t.step, string(o.Returned.Child), verdictWord(lang, o.Returned.Is), bare(o.Returned.Reason))
	case KindSettled:
		return t.settled(o.Settled)
	}
	return t.verdict(o.Verdict)
}

func tell(lang, en, de string) string {
	if lang == "de" || strings.HasPrefix(lang, "de-") {
		return de
	}
	return en
}

// bare takes the full stop off a text that goes into a sentence.
func bare(s string) string { return strings.TrimRight(strings.TrimSpace(s), ".") }

type teller struct{ lang, step string }

func (t teller) say(en, de string, args ...any) string {
	return fmt.Sprintf(tell(t.lang, en, de), args...)
}

func (t teller) count(n int, en1, de1, en, de string) string {
	if n == 1 {
		return t.say(en1, de1, t.step)
	}
	return t.say(en, de, t.step, n)
}

func (t teller) created(c *CreatedData) string {
	if c.Parent != nil {
		return t.say("Step %s of run %s started mission %s, version %d, at class %s.", "Schritt %s von Lauf %s startete die Mission %s, Version %d, in Klasse %s.",
			c.Parent.Step, string(c.Parent.Run), c.Mission, c.Version, string(c.Class))
	}
	return t.say("%s started mission %s, version %d, at class %s.", "%s startete die Mission %s, Version %d, in Klasse %s.", c.By.Name, c.Mission, c.Version, string(c.Class))
}

func (t teller) read(r *ReadData) string {
	switch {
	case r.Problem != "":
		return t.say("The input %s cannot be read: %s.", "Die Eingabe %s ist nicht lesbar: %s.", r.Input, bare(r.Problem))
	case r.Pages == 1:
		return t.say("The input %s was read: one page, %d characters.", "Die Eingabe %s wurde gelesen: eine Seite, %d Zeichen.", r.Input, r.Characters)
	case r.Pages > 1:
		return t.say("The input %s was read: %d pages, %d characters.", "Die Eingabe %s wurde gelesen: %d Seiten, %d Zeichen.", r.Input, r.Pages, r.Characters)
	}
	return t.say("The input %s was read: %d characters.", "Die Eingabe %s wurde gelesen: %d Zeichen.", r.Input, r.Characters)
}

func (t teller) classified(c *ClassifiedData) string {
	var why []string
	for _, e := range c.Evidence {
		if !e.Held {
			continue
		}
		w := bare(e.Because.In(t.lang))
		if e.Problem != "" {
			w = t.say("%s – which cannot be told (%s), so it counts", "%s – was sich nicht sagen lässt (%s) und daher gilt", w, bare(e.Problem))
		}
		if len(e.Mentions) > 0 {
			w += t.say(" (the text names %s)", " (der Text nennt %s)", e.Mentions[0].Name)
		}
		why = append(why, w)
	}
	s := t.say("The class is %s", "Die Klasse ist %s", string(c.Class))
	if c.Class != c.From {
		s = t.say("The class rises from %s to %s", "Die Klasse steigt von %s auf %s", string(c.From), string(c.Class))
	}
	if len(why) > 0 {
		s += ": " + strings.Join(why, "; ")
	}
	if c.Ceiling != "" {
		s += t.say("; until all rules are answered, everything is treated as %s", "; bis alle Regeln beantwortet sind, wird alles als %s behandelt", string(c.Ceiling))
	}
	return s + "."
}

func (t teller) routed(o *Observation) string {
	r := o.Routed
	where := map[llm.Boundary][2]string{
		llm.Embedded: {"on this host", "auf diesem Rechner"}, llm.Site: {"in this network", "in diesem Netz"}, llm.External: {"outside the site", "außerhalb des Standorts"},
	}[r.Boundary]
	s := t.say("%s, attempt %d: model %s", "%s, Versuch %d: Modell %s", t.step, o.Attempt, string(r.Route.Model))
	if r.Route.Pool != "" {
		s += t.say(" of pool %s", " aus Pool %s", r.Route.Pool)
	}
	if w := tell(t.lang, where[0], where[1]); w != "" {
		s += " " + w
	}
	return s + t.say(" is asked, at class %s.", " wird gefragt, in Klasse %s.", string(r.Class))
}

// money is an amount in micro-units with as many digits as it needs, two at
// least.
func money(micros int64) string {
	s := fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000)
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > 3 {
		s = s[:len(s)-1]
	}
	return s
}

func (t teller) sure(c llm.Confidence) string {
	if !c.Known() {
		return tell(t.lang, "unknown", "unbekannt")
	}
	return number(float64(c))
}

func (t teller) generated(g *GeneratedData) string {
	s := t.say("%s: model %s answered with confidence %s", "%s: Modell %s antwortete mit Sicherheit %s", t.step, string(g.Model), t.sure(g.Confidence))
	if g.Weakest != "" && len(g.Values) > 1 {
		s += t.say(" (%s)", " (%s)", g.Weakest)
	}
	if g.Minimum > 0 {
		s += t.say("; %s is asked for", "; verlangt ist %s", number(g.Minimum))
	}
	s += t.say(". %d + %d tokens, cost %s.", ". %d + %d Tokens, Kosten %s.", g.Usage.InputTokens, g.Usage.OutputTokens, money(g.CostMicros))
	if g.Usage.LoadMicros > 0 {
		s += t.say(" It waited %s s for the model to be loaded.", " Es wartete %s s, bis das Modell geladen war.", number(float64(g.Usage.LoadMicros/1000)/1000))
	}
	return s
}

func (t teller) failed(f *FailedData) string {
	next := map[string][2]string{
		"retry": {"it is tried again", "es wird erneut versucht"}, "failover": {"another model is asked", "ein anderes Modell wird gefragt"},
		"escalate": {"the step goes to the next grade", "der Schritt geht zur nächsten Stufe"}, "give-up": {"no more is tried at this grade", "auf dieser Stufe wird nichts mehr versucht"},
	}[f.Next]
	s := t.say("%s: model %s gave no answer (%s)", "%s: Modell %s gab keine Antwort (%s)", t.step, string(f.Model), bare(f.Message))
	if next[0] != "" {
		s += "; " + tell(t.lang, next[0], next[1])
	}
	return s + "."
}

func (t teller) checked(c *CheckedData) string {
	if c.Held {
		if len(c.Results) == 1 {
			return t.say("%s holds: %s.", "%s gilt: %s.", t.step, bare(c.Results[0].Because.In(t.lang)))
		}
		return t.say("%s: all %d assertions hold.", "%s: alle %d Aussagen gelten.", t.step, len(c.Results))
	}
	var out []string
	for _, r := range c.Results {
		if !r.Held {
			w := bare(r.Because.In(t.lang))
			if r.Detail != "" {
				w += " (" + r.Detail + ")"
			}
			out = append(out, w)
		}
	}
	return t.say("%s does not hold: %s.", "%s gilt nicht: %s.", t.step, strings.Join(out, "; "))
}

func (t teller) queued(q *QueuedData) string {
	s := t.say("%s waits for a person in queue %s: %s (%s)", "%s wartet auf einen Menschen in Warteschlange %s: %s (%s)", t.step, q.Queue, bare(q.Ask.In(t.lang)), bare(q.Why))
	if !q.Expires.IsZero() {
		then := tell(t.lang, q.Then, map[string]string{"reject": "abgelehnt", "refer": "weitergeleitet"}[q.Then])
		s += t.say(", until %s, then %s", ", bis %s, dann %s", q.Expires.UTC().Format("2006-01-02 15:04 UTC"), then)
	}
	return s + "."
}

func (t teller) decided(d *DecidedData) string {
	var s string
	switch d.Outcome {
	case Approve:
		s = t.say("%s: %s approves", "%s: %s stimmt zu", t.step, d.By.Name)
	case Reject:
		s = t.say("%s: %s rejects", "%s: %s lehnt ab", t.step, d.By.Name)
	case Amend:
		var fields []string
		for _, a := range d.Amendments {
			fields = append(fields, fmt.Sprintf("%s.%s %s → %s", a.Step, a.Field, plainJSON(a.From), plainJSON(a.To)))
		}
		s = t.say("%s: %s approves with corrections (%s)", "%s: %s stimmt mit Korrekturen zu (%s)", t.step, d.By.Name, strings.Join(fields, ", "))
	default:
		s = t.say("%s: the time is up", "%s: die Zeit ist um", t.step)
	}
	if d.Reason != "" {
		s += ": " + bare(d.Reason)
	}
	return s + "."
}

// plainJSON shows a value as a person would write it.
func plainJSON(raw []byte) string {
	s := strings.Trim(string(raw), `"`)
	if s == "" || s == "null" {
		return "–"
	}
	return clip(s, 80)
}

func (t teller) settled(d *SettledData) string {
	switch {
	case d.Skipped:
		return t.say("%s is skipped: %s.", "%s entfällt: %s.", t.step, bare(d.Why))
	case d.Broken:
		return t.say("%s could not be done: %s.", "%s war nicht möglich: %s.", t.step, bare(d.Why))
	case d.Attempt > 0:
		return t.say("%s is done; attempt %d feeds what follows.", "%s ist fertig; Versuch %d speist, was folgt.", t.step, d.Attempt)
	}
	return t.say("%s is done.", "%s ist fertig.", t.step)
}

var verdictWords = map[string][2]string{
	Approved: {"approved", "genehmigt"}, Rejected: {"rejected", "abgelehnt"}, Referred: {"referred", "zur Klärung gegeben"},
	Abstained: {"abstained", "enthalten"}, Failed: {"failed", "fehlgeschlagen"}, CancelledVerdict: {"cancelled", "abgebrochen"},
}

func verdictWord(lang, is string) string {
	if w, ok := verdictWords[is]; ok {
		return tell(lang, w[0], w[1])
	}
	return is
}

func (t teller) verdict(v *VerdictData) string {
	reason := v.Reason
	if len(v.Because) > 0 {
		reason = v.Because.In(t.lang)
	}
	s := t.say("Verdict: %s", "Urteil: %s", verdictWord(t.lang, v.Is))
	if v.By != nil {
		s += t.say(" by %s", " von %s", v.By.Name)
	}
	return s + " – " + bare(reason) + "."
}
