package paper

import (
	"math/rand/v2"
	"strings"
)

// wordings are the ways to print a label. Those that the table marks with "!"
// occur in test splits only.
type wordings struct{ known, held []string }

// choose returns a wording, a held-out one if that is asked for and exists.
func (w wordings) choose(r *rand.Rand, held bool) string {
	if held && len(w.held) > 0 {
		return pick(r, w.held)
	}
	return pick(r, w.known)
}

// labels by language, then by what they announce. A name that ends in a kind
// of document holds for that kind.
var labels = func() map[string]map[string]wordings {
	all := map[string]map[string]wordings{}
	lang := ""
	for row := range strings.Lines(labelTable) {
		row = strings.TrimSpace(row)
		if l, ok := strings.CutPrefix(row, "== "); ok {
			lang = l
			all[lang] = map[string]wordings{}
			continue
		}
		if name, list, ok := strings.Cut(row, " = "); ok {
			all[lang][name] = parseWordings(list)
		}
	}
	addMore(all)
	return all
}()

func parseWordings(list string) (w wordings) {
	for s := range strings.SplitSeq(list, "; ") {
		if h, ok := strings.CutPrefix(s, "!"); ok {
			w.held = append(w.held, h)
		} else {
			w.known = append(w.known, s)
		}
	}
	return w
}

// labelTable: "{r}" stands for the rate of the tax.
const labelTable = `
== en
title.invoice = INVOICE; Invoice; Tax Invoice; TAX INVOICE; Sales Invoice; Commercial invoice
title.credit_note = CREDIT NOTE; Credit Note; Credit memo; !Sales credit
title.order = PURCHASE ORDER; Purchase Order; ORDER; Order; !Procurement order
title.delivery_note = DELIVERY NOTE; Delivery Note; Packing list; Packing slip; !Goods dispatch note
title.receipt = RECEIPT; Receipt; SALES RECEIPT; Sales slip; !Till receipt
title.contract = CONTRACT; SERVICE AGREEMENT; Framework Agreement; Supply Agreement; Maintenance contract; LEASE AGREEMENT; !Master services agreement
document_number.invoice = Invoice No; Invoice Number; Invoice #; Inv. No.; Invoice; Inv #; Document No.; Invoice ID; !Bill number; !Tax invoice ref
document_number.credit_note = Credit note no.; Credit Note; Credit memo #; Document No.; !Credit ref
document_number.order = PO Number; Purchase Order No.; Order No.; Order number; P.O. #; !Order ID
document_number.delivery_note = Delivery note no.; Delivery Note; DN no.; Packing slip #; Dispatch no.; !Delivery slip
document_number.receipt = Receipt no.; Receipt #; Transaction; Sale no.; !Slip no
document_number.contract = Contract No.; Agreement No.; Contract number; Contract ref.; !Contract ID
order_number = PO Number; Purchase Order; P.O. No.; Your order; Order No.; Customer PO; PO; Order ref; !Your purchase order no; !Buyer order
order_date = Order date; Ordered on; Date of order; PO date; !Order placed
delivery_note_number = Delivery note; Delivery Note No.; DN; Packing slip; Dispatch no.; !Delivery slip
invoice_reference = Original invoice; Credit for invoice; Refers to invoice; Invoice ref.; Corrects invoice no.; !Against invoice
customer_number = Customer No; Account No.; Client ID; Customer ID; Account; Cust. no.; !Debtor no
document_date = Date; Date of issue; Issued; Dated; Issue date; !Issued on
document_date.invoice = Date; Invoice Date; Issued; Date of issue; Dated; Billing date; Issue date; !Tax point date; !Bill date
document_date.order = Date; Order date; Date of order; Issued; !Order placed
document_date.contract = Date of contract; Signed on; Dated; Contract date; !Executed on
due_date = Due Date; Payment due; Due; Pay by; Due by; Date due; !Payable until; !Final payment date
delivery_date = Delivery date; Delivered on; Date of delivery; Shipped; Supply date; !Goods dispatched
delivery_date.order = Delivery date; Deliver by; Required by; Requested delivery date; Delivery due; !Needed on site
net_amount = Subtotal; Net; Net amount; Sub-total; Total excl. VAT; Net total; Amount before tax; !Sum excl. tax
gross_goods = Total before discount; Goods total; List total; Value before discount; !Undiscounted total
discount_amount = Discount; Less discount; Rebate; Trade discount; !Price reduction
tax_amount = VAT; Tax; Sales tax; VAT {r}%; GST {r}%; Tax ({r}%); plus {r}% VAT; VAT @ {r} %; !Value added tax {r}%
total_amount = Total; Total due; Amount due; Grand total; Total amount; Balance due; Invoice total; TOTAL; Total incl. VAT; !Amount payable; !Please remit
total_amount.credit_note = Total credit; Total; Credit total; Total incl. VAT; Amount credited; !Credited sum
total_amount.order = Order total; Total; Grand total; Total order value; !Order sum
total_amount.receipt = TOTAL; Total; Sum; TOTAL DUE; Amount; !Sum to settle
total_before_payment = Total; Invoice total; Grand total; Total amount; Total incl. VAT; !Invoice sum
amount_paid = Amount paid; Paid; Already paid; Deposit received; Less payment received; Prepaid; !Received to date
amount_due = Balance due; Amount due; Still to pay; Outstanding; Balance to pay; !Open amount
shipping_amount = Shipping; Freight; Postage; Delivery charge; Carriage; !Transport cost
iban = IBAN; Bank account (IBAN); IBAN No.; !Account IBAN
other_iban = IBAN for refunds; Escrow account; Customer IBAN; Your account for direct debit; !IBAN of the factoring bank
bic = BIC; SWIFT; BIC/SWIFT; !Swift code
account_holder = Account holder; Account name; Beneficiary; Payee; !In the name of
supplier_vat_id = VAT No; VAT ID; VAT Reg No.; VAT number; Tax ID; !VAT registration
customer_vat = Your VAT No; Customer VAT ID; Buyer's VAT number; !VAT number of the recipient
supplier_email = E-mail; Email; Mail; !Write to
supplier_phone = Tel.; Phone; T; Telephone; !Call
payment_terms = Payment terms; Terms; Terms of payment; Conditions; Payment; !Settlement terms
payment_method = Payment method; Paid by; Method of payment; Payment by; !Settled by
project = Project; Project name; Job; Site; !Works
contact_person = Contact; Handled by; Account manager; Your contact; Contact person; !Clerk
customer_name = Bill to; Invoice to; Customer; Sold to; To; Billed to; Client; !Charge to
customer_name.delivery_note = Deliver to; Ship to; Consignee; Customer; Delivery address; !Recipient of the goods
customer_name.order = Buyer; Ordered by; Purchaser; Customer; !Orderer
supplier_name = From; Seller; Supplier; Vendor; Issued by; !Remit to
supplier_name.order = Supplier; Vendor; To supplier; Seller; !Addressed firm
other_party = Ship to; Delivery address; Goods recipient; Carrier; Forwarding agent; !Party to be notified
item_count = Number of items; Items; Lines; Item count; !Positions in total
contract_start = Start; Commencement date; Start of term; Effective from; Effective date; !In force from
contract_end = End; End of term; Expires on; Expiry date; Valid until; !Terminates on
notice_period = Notice period; Notice; Termination notice; Period of notice; !Notice to terminate
contract_value = Contract value; Annual fee; Total value; Contract price; !Consideration
subject = Subject
sender = From
recipient = To
column.position = Pos; No; #; Item; Line
column.article = Article; Item no.; SKU; Part no.; Code
column.description = Description; Item; Product; Details; Goods
column.quantity = Qty; Quantity; Units; Qty.
column.unit = Unit; UoM; U/M
column.unit_price = Unit price; Price; Rate; Price each; Unit cost
column.discount = Disc. %; Discount; Disc %
column.amount = Amount; Total; Line total; Value; Net
== de
title.invoice = RECHNUNG; Rechnung; Rechnung; Handelsrechnung
title.credit_note = GUTSCHRIFT; Gutschrift; Rechnungskorrektur; !Stornorechnung
title.order = BESTELLUNG; Bestellung; Auftrag; !Beschaffungsauftrag
title.delivery_note = LIEFERSCHEIN; Lieferschein; Packliste; !Warenbegleitschein
title.receipt = QUITTUNG; Kassenbon; Beleg; Kundenbeleg; !Kassenzettel
title.contract = VERTRAG; DIENSTLEISTUNGSVERTRAG; Rahmenvertrag; Liefervertrag; Wartungsvertrag; MIETVERTRAG; !Werkvertrag
document_number.invoice = Rechnungsnummer; Rechnung Nr.; Rechnungs-Nr.; Rechnung; RE-Nr.; Belegnummer; Rg.-Nr.; !Fakturanummer; !Abrechnungsnummer
document_number.credit_note = Gutschrift Nr.; Gutschriftsnummer; Gutschrifts-Nr.; Belegnummer; !Nr. der Gutschrift
document_number.order = Bestellnummer; Bestell-Nr.; Auftragsnummer; Bestellung Nr.; !Auftrags-ID
document_number.delivery_note = Lieferschein-Nr.; Lieferscheinnummer; LS-Nr.; Lieferschein; !Nr. des Lieferscheins
document_number.receipt = Bon-Nr.; Beleg-Nr.; Belegnummer; Bon; Quittung Nr.; !Zettel-Nr.
document_number.contract = Vertragsnummer; Vertrags-Nr.; Vertrag Nr.; !Aktenzeichen des Vertrags
order_number = Bestellnummer; Ihre Bestellung; Bestell-Nr.; Auftragsnummer; PO-Nummer; Auftrag Nr.; !Ihre Auftragsnr.
order_date = Bestelldatum; Bestellt am; Auftragsdatum; Bestellung vom; !Tag der Bestellung
delivery_note_number = Lieferschein; Lieferschein-Nr.; LS-Nr.; !Zugehöriger LS
invoice_reference = Zu Rechnung; Ursprüngliche Rechnung; Bezug Rechnung Nr.; Betrifft Rechnung; !Korrigierte Rechnung
customer_number = Kundennummer; Kunden-Nr.; Kd.-Nr.; Ihre Kundennummer; !Debitor
document_date = Datum; Belegdatum; Ausgestellt am; !Ausstellungstag
document_date.invoice = Datum; Rechnungsdatum; Belegdatum; vom; Ausgestellt am; !Fakturadatum
document_date.order = Datum; Bestelldatum; Bestellt am; !Tag der Bestellung
document_date.contract = Vertragsdatum; Unterzeichnet am; Datum; !Geschlossen am
due_date = Fällig am; Zahlbar bis; Fälligkeit; Fälligkeitsdatum; !Zahlungsziel bis
delivery_date = Lieferdatum; Leistungsdatum; Geliefert am; Liefertermin; !Datum der Leistung
delivery_date.order = Liefertermin; Gewünschter Liefertermin; Lieferung bis; Lieferdatum; !Benötigt am
net_amount = Nettobetrag; Netto; Zwischensumme; Summe netto; Nettosumme; !Warenwert netto
gross_goods = Summe vor Rabatt; Warenwert vor Rabatt; Listenpreis gesamt; !Unrabattierte Summe
discount_amount = Rabatt; abzgl. Rabatt; Nachlass; Preisnachlass; !Abschlag
tax_amount = MwSt.; USt. {r}%; MwSt. {r} %; zzgl. {r}% MwSt.; Umsatzsteuer; Mehrwertsteuer {r}%; !Steuerbetrag
total_amount = Gesamtbetrag; Gesamt; Rechnungsbetrag; Brutto; Gesamtsumme; Endbetrag; Summe brutto; Zu zahlen; !Zahlbetrag
total_amount.credit_note = Gutschriftsbetrag; Gesamtbetrag; Summe brutto; Gutschrift gesamt; !Erstattungsbetrag
total_amount.order = Auftragssumme; Gesamtbetrag; Bestellwert; Gesamt; !Bestellsumme
total_amount.receipt = SUMME; Summe; Gesamt; TOTAL; Zu zahlen; !Kassensumme
total_before_payment = Gesamtbetrag; Rechnungsbetrag; Gesamtsumme; Summe brutto; !Fakturasumme
amount_paid = Bereits gezahlt; Anzahlung; abzgl. Anzahlung; Bezahlt; Erhaltene Zahlung; !Vorausgezahlt
amount_due = Restbetrag; Noch zu zahlen; Offener Betrag; Restforderung; Offen; !Verbleibender Betrag
shipping_amount = Versand; Fracht; Versandkosten; Porto; Frachtkosten; !Lieferkosten
iban = IBAN; Bankverbindung IBAN; IBAN-Nr.; !Konto (IBAN)
other_iban = IBAN für Erstattungen; Treuhandkonto; IBAN des Kunden; Ihr Konto für die Lastschrift; !IBAN der Factoring-Bank
bic = BIC; SWIFT; BIC/SWIFT; !Swift-Code
account_holder = Kontoinhaber; Empfänger der Zahlung; Begünstigter; !Lautend auf
supplier_vat_id = USt-IdNr.; USt-ID; UID; Ust.-Id.; USt-Id-Nr.; !Umsatzsteuer-ID
customer_vat = Ihre USt-IdNr.; USt-ID des Kunden; Ihre UID; !USt-Id des Empfängers
supplier_email = E-Mail; Mail; Email; !Schreiben Sie an
supplier_phone = Tel.; Telefon; Fon; Tel; !Ruf
payment_terms = Zahlungsbedingungen; Zahlungsziel; Zahlung; Konditionen; Zahlungsbedingung; !Zahlungsmodalitäten
payment_method = Zahlungsart; Bezahlt mit; Zahlweise; Zahlung per; !Beglichen mit
project = Projekt; Bauvorhaben; Projektname; BV; !Objekt
contact_person = Ansprechpartner; Bearbeiter; Sachbearbeiter; Ihr Kontakt; Ansprechpartnerin; !Kontaktperson
customer_name = Rechnung an; Kunde; An; Rechnungsempfänger; Empfänger; !Leistungsempfänger
customer_name.delivery_note = Lieferung an; Lieferanschrift; Empfänger; Kunde; !Warenempfänger
customer_name.order = Besteller; Auftraggeber; Käufer; Kunde; !Einkauf durch
supplier_name = Von; Lieferant; Absender; Verkäufer; !Rechnungssteller
supplier_name.order = Lieferant; An Lieferant; Verkäufer; Auftragnehmer; !Lieferfirma
other_party = Lieferung an; Lieferanschrift; Spediteur; Frachtführer; Transport durch; !Warenempfänger
item_count = Anzahl Positionen; Positionen; Artikel gesamt; Anzahl Artikel; !Zeilen gesamt
contract_start = Vertragsbeginn; Beginn; Laufzeit ab; Gültig ab; !In Kraft ab
contract_end = Vertragsende; Ende; Laufzeit bis; Gültig bis; !Endet am
notice_period = Kündigungsfrist; Kündigung; Frist zur Kündigung; !Kündbar mit Frist
contract_value = Vertragswert; Jahresentgelt; Gesamtwert; Auftragswert; !Vergütung insgesamt
subject = Betreff
sender = Von
recipient = An
column.position = Pos; Pos.; Nr.; #; Zeile
column.article = Artikel; Art.-Nr.; Artikelnr.; Artikelnummer; Best.-Nr.
column.description = Bezeichnung; Beschreibung; Leistung; Artikelbezeichnung; Ware
column.quantity = Menge; Anzahl; Mge.; Stückzahl
column.unit = Einheit; ME; Einh.
column.unit_price = Einzelpreis; Preis; E-Preis; EP; Stückpreis
column.discount = Rabatt %; Rabatt; Rab. %
column.amount = Betrag; Gesamt; Gesamtpreis; GP; Summe
== fr
title.invoice = FACTURE; Facture
title.credit_note = AVOIR; Note de crédit; Facture d'avoir
title.delivery_note = BON DE LIVRAISON; Bon de livraison
document_number.invoice = Facture N°; Numéro de facture; Facture; N° facture; Facture n°
document_number.credit_note = Avoir n°; N° avoir
document_number.delivery_note = Bon de livraison n°; BL n°; N° BL
order_number = Commande N°; Bon de commande; Votre commande; N° commande
order_date = Date de commande; Commandé le
delivery_note_number = Bon de livraison; BL n°; N° BL
invoice_reference = Facture d'origine; Réf. facture
customer_number = N° client; Code client; Client n°
document_date = Date; Le; Date d'émission
document_date.invoice = Date; Date de facture; Le; Date d'émission
due_date = Échéance; Date d'échéance; À payer avant le
delivery_date = Date de livraison; Livré le; Livraison
net_amount = Total HT; Montant HT; Sous-total; HT
gross_goods = Total avant remise
discount_amount = Remise
tax_amount = TVA; TVA {r}%; Montant TVA; dont TVA
total_amount = Total TTC; Montant TTC; Net à payer; TTC; Total
total_before_payment = Total TTC; Montant TTC
amount_paid = Acompte versé; Déjà payé
amount_due = Reste à payer; Solde
shipping_amount = Frais de port; Port
iban = IBAN; RIB (IBAN)
other_iban = IBAN du client
bic = BIC; SWIFT
account_holder = Titulaire du compte
supplier_vat_id = N° TVA; TVA intracom.; N° TVA intracommunautaire
customer_vat = Votre N° TVA
supplier_email = E-mail; Courriel
supplier_phone = Tél.
payment_terms = Conditions de paiement; Paiement; Règlement; Modalités
payment_method = Mode de paiement
project = Projet; Chantier
contact_person = Contact; Suivi par; Interlocuteur
customer_name = Client; Facturé à; Destinataire; À
supplier_name = De; Fournisseur; Vendeur; Émetteur
other_party = Livré à; Transporteur
item_count = Nombre d'articles
column.position = Pos
column.article = Réf.
column.description = Désignation
column.quantity = Qté
column.unit = Unité
column.unit_price = P.U.
column.discount = Remise %
column.amount = Montant
`
