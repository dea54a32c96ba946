package main

import "strings"

// labels of the fields. The last one of each list is unusual: the documents
// that are meant to be hard use it.
var labels = map[string]map[string][]string{
	"en": {
		"invoice_number":  {"Invoice No", "Invoice Number", "Invoice #", "Document No.", "Tax invoice ref"},
		"invoice_date":    {"Date", "Invoice Date", "Issued", "Date of issue", "Tax point date"},
		"due_date":        {"Due Date", "Payment due", "Pay by", "Due by", "Final payment date"},
		"po_number":       {"PO Number", "Purchase Order", "Your order", "Order No.", "Buyer order"},
		"net_amount":      {"Subtotal", "Net amount", "Net total", "Total excl. VAT", "Sum excl. tax"},
		"shipping_amount": {"Shipping", "Freight", "Postage", "Delivery charge", "Transport cost"},
		"tax_amount":      {"VAT {r}%", "Tax ({r}%)", "Sales tax", "plus {r}% VAT", "Value added tax {r}%"},
		"total_amount":    {"Total", "Total due", "Grand total", "Amount due", "Please remit"},
		"iban":            {"IBAN", "Bank account (IBAN)", "IBAN No.", "IBAN", "Account IBAN"},
		"bic":             {"BIC", "SWIFT", "BIC/SWIFT", "BIC", "Swift code"},
		"vat_id":          {"VAT No", "VAT ID", "VAT Reg No.", "VAT number", "VAT registration"},
		"payment_terms":   {"Payment terms", "Terms", "Terms of payment", "Payment", "Settlement terms"},
		"customer":        {"Bill to", "Invoice to", "Customer", "Sold to", "Charge to"},
	},
	"de": {
		"invoice_number":  {"Rechnungsnummer", "Rechnung Nr.", "Rechnungs-Nr.", "Belegnummer", "Fakturanummer"},
		"invoice_date":    {"Datum", "Rechnungsdatum", "Belegdatum", "Ausgestellt am", "Fakturadatum"},
		"due_date":        {"Fällig am", "Zahlbar bis", "Fälligkeit", "Fälligkeitsdatum", "Zahlungsziel bis"},
		"po_number":       {"Bestellnummer", "Ihre Bestellung", "Bestell-Nr.", "Auftragsnummer", "Ihre Auftragsnr."},
		"net_amount":      {"Nettobetrag", "Zwischensumme", "Summe netto", "Nettosumme", "Warenwert netto"},
		"shipping_amount": {"Versand", "Versandkosten", "Fracht", "Porto", "Lieferkosten"},
		"tax_amount":      {"MwSt. {r} %", "USt. {r}%", "zzgl. {r}% MwSt.", "Mehrwertsteuer {r}%", "Steuerbetrag"},
		"total_amount":    {"Gesamtbetrag", "Rechnungsbetrag", "Gesamtsumme", "Zu zahlen", "Zahlbetrag"},
		"iban":            {"IBAN", "Bankverbindung IBAN", "IBAN", "IBAN", "Konto (IBAN)"},
		"bic":             {"BIC", "SWIFT", "BIC/SWIFT", "BIC", "Swift-Code"},
		"vat_id":          {"USt-IdNr.", "USt-ID", "UID", "Ust.-Id.", "Umsatzsteuer-ID"},
		"payment_terms":   {"Zahlungsbedingungen", "Zahlung", "Konditionen", "Zahlungsbedingungen", "Zahlungsmodalitäten"},
		"customer":        {"Rechnung an", "Kunde", "Rechnungsempfänger", "Empfänger", "Leistungsempfänger"},
	},
}

var titles = map[string][]string{"en": {"INVOICE", "Invoice", "Tax Invoice", "Sales Invoice"}, "de": {"RECHNUNG", "Rechnung", "RECHNUNG", "Rechnung"}}

// tableHead names the columns of the items.
var tableHead = map[string][]string{"en": {"Description", "Qty", "Unit price", "Amount"}, "de": {"Bezeichnung", "Menge", "Preis", "Betrag"}}

var thanks = map[string]string{"en": "Thank you for your business.", "de": "Vielen Dank für Ihren Auftrag."}

var amountsIn = map[string]string{"en": "All amounts in ", "de": "Alle Beträge in "}

// label returns the label of a field in the wording of the document.
func (d *sheet) label(field string) string {
	l := labels[d.v.lang][field]
	i := d.wording
	if d.hard {
		i = len(l) - 1
	}
	return strings.Replace(l[i], "{r}", percent(d.v.rate, d.v.lang), 1)
}
