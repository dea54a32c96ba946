// Package paper makes business documents and knows everything that is true of
// them: invoices, credit notes, orders, delivery notes, receipts, first pages
// of contracts and e-mails, in English and German. Package corpus puts
// questions about them; together they are what the starter models learn from
// and are examined on. The same seed always makes the same document:
// start with [Make], or [New] for one document after the other.
package paper

// Split names a set of documents. No supplier, layout or label wording that
// marks a held-out split occurs in the training split.
type Split string

// Splits.
const (
	Train       Split = "train"       // what the models learn from
	Calibration Split = "calibration" // unseen suppliers; fits the confidence, never the weights
	Clean       Split = "clean"       // unseen suppliers and layouts, no noise
	Noisy       Split = "noisy"       // the same with recognition errors, odd layouts and unseen label wordings
	Page        Split = "page"        // PDF pages read back by the appliance's own document reader
)

// Kind of a document.
type Kind string

// Kinds of documents.
const (
	Invoice      Kind = "invoice"
	CreditNote   Kind = "credit_note"
	Order        Kind = "order"
	DeliveryNote Kind = "delivery_note"
	Receipt      Kind = "receipt"
	Contract     Kind = "contract"
	Mail         Kind = "email"
)

// Document is one document and what is true of it.
type Document struct {
	Kind     Kind
	Language string  // BCP 47: en or de
	Layout   string  // name of the layout it was set in
	Noise    float64 // share of damaged characters in labels and prose; values stay as printed
	Text     string  // as a reader gets it
	PDF      []byte  // the page itself; only in the split Page, whose Text is empty until it is read

	// Facts are the values that stand in the text, by canonical name (see
	// Names). What is not in the map is absent: the answer to it is null.
	Facts map[string]Fact
	// Extras are labelled values beyond the canonical ones: what a form calls
	// "Gate code" or "Kostenstelle". They are what unseen field names ask for.
	Extras []Extra
	Items  *Items  // nil when the document lists none
	Terms  *Clause // terms of payment or contract, if any are stated
	// Clauses are statements of the document about a topic, for yes/no
	// questions: "does the contract renew by itself?"
	Clauses []Clause
	// Unclear are canonical names ("kind" and "terms" among them) whose answer
	// careful readers of this document would dispute. No question asks for them.
	Unclear []string
}

// Fact is a value as an answer gives it.
type Fact struct {
	Type string // string, number, date, boolean
	JSON string // literal: "…" as printed, 1234.50, "2026-04-06", true
}

// Extra is a labelled value without a canonical name.
type Extra struct {
	Label string // as printed, in the document's language
	Name  string // a field name that a person would derive from the label, for example gate_code
	About string // what the value is, in English words, without repeating the label where that can be done
	Fact  Fact
	// Concept is the name that decides whether the extra is held out (see
	// HeldOut); Name may be another word for it.
	Concept string
}

// Items is a table of lines.
type Items struct {
	Columns []string          // canonical columns shown, of: position, article, description, quantity, unit, unit_price, discount, amount
	Rows    []map[string]Fact // by column; a cell that is blank is absent
}

// Clause is a statement and whether it is the unusual or affirmative case.
type Clause struct {
	Topic  string // for example "terms", "auto_renewal", "partial_delivery"
	Text   string // as it stands in the document
	Holds  bool   // for terms: they are unusual; else: the answer to the topic's question is yes
	Stated bool   // false: the topic is not mentioned
}
