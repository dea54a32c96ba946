package exam

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"skerry/appliance/llm"
)

// question is a document with what is in it.
type question struct {
	text   string
	fields []llm.Field
	want   map[string]string // by field, as JSON; null = the document does not say
	german bool              // its fields count for the second language
}

func field(name string, t llm.FieldType, about string) llm.Field {
	return llm.Field{Name: name, Type: t, About: about, Nullable: true}
}

// questions returns what the model is asked to extract. All names are made up.
func questions(m llm.Model) []question {
	list := []question{
		{
			text: "Halvard Office Supplies Ltd\n12 Quay Street, Bristol\n\nINVOICE\n\nInvoice number: HOS-20417\nInvoice date: 14 March 2026\nDue date: 13 April 2026\n\n" +
				"Paper A4, 40 boxes            812.00\nToner, 6 cartridges           534.50\n\nNet amount                  1,346.50 EUR\nVAT 20 %                      269.30 EUR\nTotal                       1,615.80 EUR\n",
			fields: []llm.Field{
				field("invoice_number", llm.TypeString, "number of the invoice"), field("invoice_date", llm.TypeDate, "date of the invoice"),
				field("due_date", llm.TypeDate, "when it is to be paid"), field("total_amount", llm.TypeDecimal, "amount to pay, tax included"),
				field("iban", llm.TypeIBAN, "account to pay to"),
			},
			want: map[string]string{"invoice_number": `"HOS-20417"`, "invoice_date": `"2026-03-14"`, "due_date": `"2026-04-13"`, "total_amount": "1615.80", "iban": "null"},
		},
		{
			text: "Lindner & Voss Metallbau GmbH\nAm Hafen 3, 24103 Kiel\n\nRechnung Nr. 2026-0388\nRechnungsdatum: 02.02.2026\n\nGeländer, verzinkt     4 Stück     je 310,00\nMontage                1 Tag          680,00\n\n" +
				"Nettobetrag            1.920,00 EUR\nUmsatzsteuer 19 %        364,80 EUR\nRechnungsbetrag        2.284,80 EUR\n\nIBAN: DE89 3704 0044 0532 0130 00\n",
			fields: []llm.Field{
				field("invoice_number", llm.TypeString, "number of the invoice"), field("invoice_date", llm.TypeDate, "date of the invoice"),
				field("net_amount", llm.TypeDecimal, "amount before tax"), field("total_amount", llm.TypeDecimal, "amount to pay, tax included"),
				field("iban", llm.TypeIBAN, "account to pay to"), field("due_date", llm.TypeDate, "when it is to be paid"),
			},
			want: map[string]string{"invoice_number": `"2026-0388"`, "invoice_date": `"2026-02-02"`, "net_amount": "1920.00", "total_amount": "2284.80", "iban": `"DE89370400440532013000"`, "due_date": "null"},
		},
		{
			text: "From: orders@brackwater-boats.example\nSubject: Our order BB-7731\n\nDear team,\n\nplease deliver 25 mooring lines to our yard in Lowestoft by 9 May 2026.\nThe agreed price is 48.20 GBP each.\n\nKind regards\nMarta Oduya\n",
			fields: []llm.Field{
				field("order_number", llm.TypeString, "number of the order"), field("delivery_date", llm.TypeDate, "when to deliver"),
				{Name: "currency", Type: llm.TypeEnum, About: "currency of the price", Values: []string{"EUR", "GBP", "USD"}, Nullable: true},
				field("invoice_number", llm.TypeString, "number of the invoice"),
			},
			want: map[string]string{"order_number": `"BB-7731"`, "delivery_date": `"2026-05-09"`, "currency": `"GBP"`, "invoice_number": "null"},
		},
	}
	list = append(list, question{
		german: true,
		text:   "Von: einkauf@brackwasser-werft.example\nBetreff: Bestellung BW-4471\n\nGuten Tag,\n\nbitte liefern Sie 30 Festmacherleinen bis zum 9. Mai 2026 an unsere Werft in Husum.\nDer vereinbarte Preis beträgt 1.125,50 EUR.\n\nFreundliche Grüße\nJette Lorenzen\n",
		fields: []llm.Field{
			field("order_number", llm.TypeString, "number of the order"), field("delivery_date", llm.TypeDate, "when to deliver"),
			field("total_amount", llm.TypeDecimal, "agreed price"), field("invoice_number", llm.TypeString, "number of the invoice"),
		},
		want: map[string]string{"order_number": `"BW-4471"`, "delivery_date": `"2026-05-09"`, "total_amount": "1125.50", "invoice_number": "null"},
	})
	if m.Capabilities.Lists {
		list = append(list, question{
			text: "Delivery note 5521\n\n3 x rope 20 m\n12 x shackle\n1 x anchor 15 kg\n",
			fields: []llm.Field{{Name: "line_items", Type: llm.TypeList, About: "what is delivered", Nullable: true, Of: []llm.Field{
				{Name: "description", Type: llm.TypeString}, {Name: "quantity", Type: llm.TypeInteger},
			}}},
			want: map[string]string{"line_items": `[{"description":"rope 20 m","quantity":3},{"description":"shackle","quantity":12},{"description":"anchor 15 kg","quantity":1}]`},
		})
	}
	return list
}

var kinds = []llm.Label{
	{Name: "invoice", About: "asks for a payment"}, {Name: "order", About: "asks for a delivery"}, {Name: "other", About: "anything else"},
}

// sorted is a text with the kind that it is.
type sorted struct{ text, want string }

var sorting = []sorted{
	{"Invoice 4410\nFor the repair of two pumps we charge 960.00 EUR. Please pay within 14 days.", "invoice"},
	{"Bestellung 88-12\nBitte liefern Sie 40 Kisten Schrauben M8 bis zum 3. Juni.", "order"},
	{"Rechnung 2026/71\nFür die Wartung berechnen wir 240,00 EUR. Zahlbar sofort ohne Abzug.", "invoice"},
	{"The canteen is closed on Friday because the floor is being renewed.", "other"},
}

// Lengths and depths of the needle questions, as parts of the context and of
// the text.
var (
	needleLengths = []float64{0.2, 0.5, 0.8}
	needleDepths  = []float64{0.1, 0.5, 0.9}
)

// needle is what is hidden; the number is another at every place, so that no
// answer can come from the question before.
func needle(n int) (line, want string) {
	number := fmt.Sprintf("PO-%d", 7100+37*n)
	return "Order number: " + number + "\n", `"` + number + `"`
}

// needles hides one line in longer and longer texts and returns the length in
// tokens of the longest prompt in which every one was found. It stops at the
// first length at which none was.
func (e *examiner) needles(ctx context.Context) (longest int, err error) {
	n := 0
	for _, part := range needleLengths {
		found, tokens := 0, 0
		lines, err := e.filler(ctx, int(part*float64(e.Model.ContextTokens)))
		if err != nil {
			return longest, err
		}
		for _, depth := range needleDepths {
			n++
			line, want := needle(n)
			at := int(depth * float64(len(lines)))
			text := strings.Join(lines[:at], "") + line + strings.Join(lines[at:], "")
			answer, used, err := e.ask(ctx, llm.Prompt{Kind: llm.TaskExtract, Text: text, Fields: []llm.Field{field("order_number", llm.TypeString, "number of the order")}})
			if overflow(err) { // the profile takes more room than was left for it
				e.unasked(Needles, 1)
				return longest, nil
			}
			if err != nil {
				return longest, err
			}
			ok := same(answer.Values["order_number"], want)
			e.grade(Needles, ok, "at %.0f %% of %d tokens: %s", 100*depth, used, said(answer.Values["order_number"]))
			tokens = max(tokens, used)
			if ok {
				found++
			}
		}
		if found == len(needleDepths) {
			longest = tokens
		}
		if found == 0 {
			break
		}
	}
	return longest, nil
}

func overflow(err error) bool {
	var e *llm.Error
	return errors.As(err, &e) && e.Kind == llm.ContextOverflow
}

// filler returns dull lines that together have about the given number of
// tokens.
func (e *examiner) filler(ctx context.Context, tokens int) ([]string, error) {
	line := func(i int) string {
		return fmt.Sprintf("Position %d: maintenance of pump %d, checked, no remarks.\n", i+1, (i*7)%50+1)
	}
	perLine := 20.0 // of a usual vocabulary
	if t, ok := e.Provider.(llm.Tokenizer); ok {
		var sample strings.Builder
		for i := range 20 {
			sample.WriteString(line(i))
		}
		ids, err := t.Tokenize(ctx, e.Model.ID, sample.String())
		if err != nil {
			return nil, err
		}
		perLine = max(float64(len(ids))/20, 1)
	}
	var lines []string
	for i := range max(int(float64(tokens)/perLine), 4) {
		lines = append(lines, line(i))
	}
	return lines, nil
}
