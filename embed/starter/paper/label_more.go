package paper

import (
	"math/rand/v2"
	"strings"
)

// moreLabels widens the known wordings of labelTable: a model learns what a
// label means from the number of ways in which it has seen it said, not from
// the number of documents.
const moreLabels = `
== en
document_number.invoice = Invoice Ref; Invoice reference; Inv no; Our invoice; Document number; Doc no.; Voucher no.; No.; Number; Invoice code; INV
document_number.credit_note = CN no.; Credit no.; Credit memo number; Document number; Our credit note
document_number.order = PO; PO no; Order; Order #; Purchase order ref.; Our order no.; P/O No.
document_number.delivery_note = Note no.; Shipment no.; Delivery no.; Despatch note; Consignment note no.
document_number.receipt = Trans. no.; Receipt number; Slip; Check no.
document_number.contract = Contract; Agreement ref.; Agreement number; Our ref. (contract); Deed no.
order_number = PO ref; Your PO; Your order no.; Purchase Order Number; Order number; Client PO no.; P.O.; Buyer's order no.; Call-off order
order_date = Your order of; Date ordered; Order placed on; PO dated; Order of
delivery_note_number = Delivery note number; Our delivery note; Goods delivered under; Shipment no.; Packing list no.
invoice_reference = Relates to invoice; In respect of invoice; Invoice credited; Reversal of invoice; Our invoice; Previous invoice
customer_number = Customer number; Cust #; Cust No; Client no.; Customer code; Your account; A/C no.; Account number; Customer ref. no.; Client number; Buyer no.
document_date = Document date; Date created; Written on; Made out on; Printed; As of; Day of issue
document_date.invoice = Inv. date; Invoice dated; Document date; Invoiced on; Bill date (issue); Raised on; Date of invoice; Day of issue
document_date.order = Dated; PO date; Date of purchase order; Order dated; Ordered
document_date.contract = Date of agreement; Agreement date; Date of signature; Concluded on; Entered into on
due_date = Payable by; Payment due date; Due on; Please pay by; To be paid by; Latest payment; Pay before; Deadline for payment; Settle by; Due for payment on
delivery_date = Date of supply; Ship date; Shipped on; Dispatch date; Despatched; Date shipped; Service date; Performed on; Supplied on; Date of service
delivery_date.order = Needed by; Delivery no later than; Due in; Wanted on; Deliver on; Arrival by; Date required
net_amount = Net sum; Total net; Net value; Total before VAT; Excl. VAT; Total ex VAT; Net of tax; Taxable amount; Total (net); Goods value net; Sub total; Amount excl. tax
gross_goods = Goods before discount; Gross goods value; Total list price; Sum before rebate
discount_amount = Discount amount; Deduction; Special discount; Less rebate; Loyalty discount; Quantity discount
tax_amount = VAT amount; Tax amount; Total VAT; Output tax; GST; {r}% VAT; Tax at {r}%; VAT total; TVA/VAT {r}%; Add VAT {r}%; thereof VAT; Total tax
total_amount = Gross; Gross amount; Gross total; Total incl. tax; Total (incl. VAT); To pay; Please pay; Sum total; Total payable; Amount to pay; Final amount; Total gross; Invoice amount; Total invoice value; All in; Total to be paid
total_amount.credit_note = Gross credit; Credit amount; We credit you; Total in your favour; Total (credit)
total_amount.order = Value of order; Order amount; Total value; PO total; Total price
total_amount.receipt = Total paid; Sale total; Amount due; GRAND TOTAL; Total (incl. tax)
total_before_payment = Total gross; Sum; Gross amount; Full amount; Total before payments
amount_paid = Payment received; Paid on account; Advance received; Less deposit; Instalment paid; Part payment; Paid so far; Less payments
amount_due = Remaining balance; Remaining; Balance; Left to pay; Due now; Net balance; Amount outstanding; Remainder
shipping_amount = Shipping cost; Freight charge; Shipping & handling; P&P; Delivery; Transport; Courier; Freight costs; Shipping fee; Haulage
iban = IBAN code; Pay to IBAN; Our IBAN; Account (IBAN); Bank IBAN; Transfer to; IBAN number
bic = BIC code; SWIFT-BIC; SWIFT / BIC; Bank code (BIC); BIC no.
account_holder = Holder; Account in the name of; Payable to; Account owner; Name on account; Payment to
supplier_vat_id = VAT; VAT Reg.; VAT Id.; Our VAT number; VAT identification no.; VATIN; VAT-No.; UID/VAT; Tax reg. no.
supplier_email = Mail to; e-mail us; Contact mail; Mail address; E-mail address
supplier_phone = Phone no.; Telephone number; Tel; Ph.; Call us; Fon; Tel. no.
payment_terms = Payment conditions; Terms & payment; Terms and conditions of payment; Pay terms; Credit terms; Payable; Terms for payment; How to pay; Settlement; Payment term; Agreed terms
payment_method = Method; Pay method; Means of payment; Tender; Payment type; Mode of payment; Paid with
project = Project no./name; Order for; Job name; Project title; Construction site; Works site
contact_person = Your contact person; Contact name; Attn.; Person in charge; Looked after by; Responsible; Processed by; Our contact
customer_name = Customer name; Bill To; Invoiced to; Buyer; Purchaser; Account of; Addressed to; For; Name of customer; Bill-to party
customer_name.delivery_note = Deliver-to; Recipient; Delivered to; Receiver; Ship-to party; Goods to
customer_name.order = Ordering party; Our company; Bill to; Customer name
supplier_name = Sold by; Supplied by; Supplier name; Issuer; Biller; Seller name; Provider; Your supplier; Invoicing party
supplier_name.order = Order to; Ordered from; Supplier name; Sent to; Deliverer
item_count = No. of items; Total items; Number of lines; Line count; Articles
contract_start = Start date; Begins on; Commences on; From; Contract start; Start of contract; Term begins; Valid from
contract_end = End date; Ends on; Contract end; Until; Runs until; Term ends; Contract expiry; Last day
notice_period = Period for notice; Cancellation period; Cancellation notice; To be terminated with; Termination period
contract_value = Annual value; Price; Fee; Total fee; Yearly fee; Agreed price; Value; Contract sum; Remuneration
column.position = Pos.; Nr; Line no.; Ln; Seq.
column.article = Article no.; Art. no.; Product code; Item code; Part; Ref.; Cat. no.; Stock no.
column.description = Article description; Service; Designation; Item description; Goods / services; Name; Product name; Text; What
column.quantity = Count; Pcs; Amount of units; No. of; Number; Ordered; QTY; Quant.
column.unit = Measure; Per; UOM; Un.
column.unit_price = Unit; Each; Price/unit; Price per unit; Unit rate; UP; @; Single price
column.discount = Rebate; Less %; Disc
column.amount = Net amount; Sum; Price total; Ext. price; Extended; Total price; Line sum; Subtotal
== de
document_number.invoice = Rechnung Nummer; Rechnungsnr.; Rechn.-Nr.; RgNr; Rg-Nr; Rechnungskennung; Re.-Nr.; Nummer; Nr.; Unsere Rechnung; Beleg; Dokumentnummer; Dok.-Nr.; R.-Nr.
document_number.credit_note = Gutschrift-Nr.; GS-Nr.; Unsere Gutschrift; Dokumentnummer; Gutschriftnummer
document_number.order = Bestellung; Unsere Bestellung; Best.-Nr.; Auftrag; Auftrags-Nr.; Unsere Bestellnummer; Bestellnr.
document_number.delivery_note = Lieferung Nr.; Lieferschein Nummer; Lief.-Nr.; Versand-Nr.; Lieferscheinnr.
document_number.receipt = Bonnummer; Beleg; Kassenbeleg; Trans.-Nr.; Quittungsnummer; Bon Nr
document_number.contract = Vertrag; Vertragsnr.; Vertrags-ID; Kontrakt Nr.; Vertragskennzeichen
order_number = Ihre Bestellnummer; Ihre Bestell-Nr.; Ihr Auftrag; Bestellung; Best.-Nr.; Auftr.-Nr.; Kundenbestellung; Ihr Zeichen (Bestellung); Bestellreferenz; PO
order_date = Ihre Bestellung vom; Auftrag vom; Best.-Datum; Datum der Bestellung; Auftragseingang
delivery_note_number = Unser Lieferschein; Lieferscheinnr.; Lieferung gemäß LS; Lfs.-Nr.; LS Nr
invoice_reference = Bezugsrechnung; Originalrechnung; Unsere Rechnung; Storno zu Rechnung; Rechnung, die korrigiert wird; Korrektur zu
customer_number = Kundennr.; Kd-Nr; KdNr.; Kunde Nr.; Ihre Kunden-Nr.; Kundenkennung; Kunden-ID; Kundenkonto; KNr.; Debitorennummer; Debitoren-Nr.
document_date = Erstellt am; Tag der Ausstellung; Stand; Dokumentdatum; Ausgefertigt am; vom; Ausstellungsdatum
document_date.invoice = Rg.-Datum; Re-Datum; Rechnung vom; Rechnungsdat.; Datum der Rechnung; Ausstellungsdatum; Erstellt am; Rechnungstag; Dokumentdatum; Dat.
document_date.order = Bestellung vom; Auftragsdatum; Best.-Datum; Datum der Bestellung; vom
document_date.contract = Datum des Vertrags; Abgeschlossen am; Unterschrieben am; Vertrag vom; Abschlussdatum
due_date = Fällig; Zahlbar am; Zu zahlen bis; Bitte zahlen bis; Zahlungsfrist; Zahlung bis; Zahlungstermin; Fällig zum; Zahlbar spätestens; Frist; Fälligkeitstag; Valuta bis
delivery_date = Lieferung am; Versanddatum; Versendet am; Tag der Lieferung; Leistung am; Leistungstag; Ausgeliefert am; Warenausgang; Ausgeführt am; Lieferzeitpunkt
delivery_date.order = Wunschtermin; Liefern bis; Lieferung spätestens; Termin; Eintreffend am; Anlieferung bis; Lieferzeit bis
net_amount = Summe (netto); Netto gesamt; Gesamt netto; Nettowert; Nettosumme gesamt; Warenwert; Betrag netto; Summe ohne MwSt.; Netto-Betrag; Steuerpflichtiger Betrag; Zwischensumme netto; Entgelt
gross_goods = Summe vor Nachlass; Warenwert brutto vor Rabatt; Bruttowarenwert; Zwischensumme vor Rabatt
discount_amount = Rabattbetrag; Sonderrabatt; ./. Rabatt; Treuerabatt; Mengenrabatt; Abzug
tax_amount = MwSt-Betrag; Steuer; USt.; USt-Betrag; MwSt; + {r}% USt.; {r} % MwSt.; Umsatzsteuer {r} %; enthaltene MwSt.; zuzüglich MwSt. {r}%; Mehrwertsteuer; davon MwSt.; Steuer {r} %; VSt.
total_amount = Gesamt brutto; Bruttobetrag; Bruttosumme; Summe; Total; Rechnungssumme (brutto); Endsumme brutto; Zu überweisen; Gesamt inkl. MwSt.; Betrag inkl. USt.; Summe inkl. MwSt.; Gesamtpreis; Rechnung gesamt; Gesamt-Betrag; Zu zahlender Betrag; Forderung
total_amount.credit_note = Gutschrift brutto; Betrag der Gutschrift; Wir schreiben gut; Gesamt; Summe der Gutschrift
total_amount.order = Auftragswert; Gesamtwert; Summe; Gesamtpreis; Wert der Bestellung
total_amount.receipt = Betrag; Gesamtbetrag; Summe brutto; Zahlbetrag bar/Karte
total_before_payment = Gesamt brutto; Bruttobetrag; Summe; Gesamt; Gesamtbetrag brutto
amount_paid = Geleistete Anzahlung; Erhaltene Anzahlung; Abschlagszahlung; Schon bezahlt; Zahlung erhalten; Teilzahlung; ./. Anzahlung; Gezahlt
amount_due = Verbleibt; Rest; Restzahlung; Offener Rest; Noch offen; Saldo; Restsumme; Jetzt fällig
shipping_amount = Versandkostenanteil; Lieferung; Transport; Transportkosten; Porto und Verpackung; Versand & Verpackung; Frachtanteil; Zustellung; Versandpauschale; Frachtpauschale
iban = IBAN Nr.; Unsere IBAN; Bankkonto (IBAN); Zahlung an IBAN; IBAN-Nummer; Kontonummer (IBAN); Überweisen an
bic = BIC-Code; SWIFT-BIC; BIC / SWIFT; Bank (BIC); BIC-Nr.
account_holder = Inhaber; Konto von; Zahlungsempfänger; Zahlbar an; Kontoname; Inhaber des Kontos
supplier_vat_id = USt-Nr. (ID); USt-Ident-Nr.; UID-Nr.; Umsatzsteuer-Identifikationsnummer; UStID; Ust-IdNr; Unsere USt-IdNr.; MwSt-Nr.; UStIdNr.
supplier_email = E-Mail-Adresse; Mailadresse; eMail; Per Mail; Mail an
supplier_phone = Telefonnummer; Tel.-Nr.; Rufnummer; Durchwahl; Telefon-Nr.
payment_terms = Zahlungsbedingungen lt. Vertrag; Zahlungsvereinbarung; Zahlungskondition; Zahl.-Bed.; Zahlbar; Zahlungsweise und Ziel; Zahlungshinweis; Bedingungen; Zahlung zu; Vereinbarte Zahlung; Konditionen der Zahlung
payment_method = Bezahlung; Zahlungsweise; Zahlungsmittel; Zahlform; Bezahlart; Zahlungsform; Gezahlt mit
project = Projektbezeichnung; Vorhaben; Baustelle; Projekt / Auftrag; Maßnahme; Kommission; Auftrag für; Projekttitel
contact_person = Ihr Ansprechpartner; Kontakt; Zuständig; Betreut durch; Ihre Ansprechpartnerin; Ansprechp.; Bearbeitet von; Unser Zeichen / Name; z. Hd.; Verantwortlich
customer_name = Kundenname; Rechnungsanschrift; Rechnung geht an; Auftraggeber; Käufer; Abnehmer; Für; Rechnung für; Name des Kunden; Besteller
customer_name.delivery_note = Geliefert an; Lieferempfänger; Ware geht an; Anlieferung bei; Abnehmer; Lieferadresse
customer_name.order = Bestellende Firma; Bestellt von; Einkäufer; Unsere Firma; Rechnung an
supplier_name = Lieferfirma und Absender; Verkauft durch; Firma (Lieferant); Rechnung von; Anbieter; Leistungserbringer; Auftragnehmer; Name des Lieferanten; Ihr Lieferant
supplier_name.order = Bestellung bei; Bestellt bei; Lieferantenname; Gesendet an; Lieferant / Firma
item_count = Anzahl der Positionen; Pos. gesamt; Summe Positionen; Anzahl Zeilen; Stück Positionen
contract_start = Start; Anfang; Beginnt am; Vertragsanfang; Laufzeitbeginn; Ab; Wirksam ab
contract_end = Läuft bis; Ende der Laufzeit; Befristet bis; Laufzeitende; Bis; Letzter Tag; Ablauf
notice_period = Kündbar mit; Frist; Kündigungszeit; Kündigung mit Frist von; Frist für die Kündigung
contract_value = Wert; Vergütung; Entgelt; Jahreswert; Preis; Vereinbarter Preis; Honorar; Jährliche Vergütung; Vertragssumme
column.position = Posten; Lfd.; Lfd. Nr.; Ps.; P
column.article = ArtNr; Art.Nr.; Teilenummer; Teile-Nr.; Produktcode; Sachnummer; Kat.-Nr.; Material
column.description = Text; Artikelbeschreibung; Produkt; Gegenstand; Leistungsbeschreibung; Name; Artikeltext; Ware/Leistung
column.quantity = Stk.; Mng; Stück; Anz.; Mge; Bestellt; Liefermenge
column.unit = Mengeneinheit; Eh.; Maß; VPE
column.unit_price = Preis/Einheit; E.-Preis; Einzel; Einzelbetrag; Preis je Einheit; á; Stück-Preis
column.discount = Nachlass; Rab.; Abzug %
column.amount = Gesamtbetrag Position; Positionswert; Wert; G-Preis; Netto; Pos.-Summe; Zeilensumme
`

// fold compares wordings without regard to case and spaces.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// addMore widens the tables. A wording that is held out anywhere stays so, and
// one that announces something else already is not taken again.
func addMore(all map[string]map[string]wordings) {
	lang := ""
	for row := range strings.Lines(moreLabels) {
		row = strings.TrimSpace(row)
		if l, ok := strings.CutPrefix(row, "== "); ok {
			lang = l
			continue
		}
		name, list, ok := strings.Cut(row, " = ")
		if !ok {
			continue
		}
		w := all[lang][name]
		taken := map[string]bool{}
		for _, s := range w.known {
			taken[fold(s)] = true
		}
		for _, of := range all[lang] {
			for _, s := range of.held {
				taken[fold(s)] = true
			}
		}
		for s := range strings.SplitSeq(list, "; ") {
			if !taken[fold(s)] {
				taken[fold(s)] = true
				w.known = append(w.known, s)
			}
		}
		all[lang][name] = w
	}
}

// numberWords are interchangeable in a label; spellings of one language are
// met in documents of the other.
var numberWords = map[string][]string{
	"No.": {"No", "Nr.", "#", "Number", "no.", "N°", "Num."}, "no.": {"No.", "no", "nr.", "#", "number", "num."}, "Number": {"No.", "no.", "Nr", "#", "ID", "Num"},
	"Nr.": {"Nr", "No.", "#", "Nummer", "nr.", "Num."}, "number": {"no.", "No", "#", "num", "ID"}, "#": {"No.", "no", "Nr.", "number"},
}

// heldLabels are the wordings that Train must not show, folded.
var heldLabels = func() map[string]bool {
	held := map[string]bool{}
	for _, table := range labels {
		for _, w := range table {
			for _, s := range w.held {
				held[fold(s)] = true
			}
		}
	}
	return held
}()

// vary changes a wording a little, as another author would have put it: other
// words for "number", a note in the other language, a trailing mark. About
// one label in three is touched.
func vary(r *rand.Rand, s string) string {
	if t := varied(r, s); !heldLabels[fold(t)] {
		return t
	}
	return s
}

func varied(r *rand.Rand, s string) string {
	if chance(r, .67) || strings.Contains(s, "{") {
		return s
	}
	switch r.IntN(4) {
	case 0:
		words := strings.Fields(s)
		for i, w := range words {
			if other, ok := numberWords[w]; ok {
				words[i] = pick(r, other)
				return strings.Join(words, " ")
			}
		}
	case 1:
		for _, k := range []string{"-Nr.", "nummer", "-Nummer"} {
			if root, ok := strings.CutSuffix(s, k); ok {
				return root + pick(r, []string{"-Nr.", "nummer", "-Nummer", "nr.", " Nr.", "-Nr", " Nummer"})
			}
		}
	case 2:
		if strings.Contains(s, " ") {
			return strings.ReplaceAll(s, " ", pick(r, []string{"-", "_", "  ", ""}))
		}
	case 3:
		return s + pick(r, []string{"*", " (1)", ".", " ¹", " *"})
	}
	return s
}
