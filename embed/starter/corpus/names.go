package corpus

// nameTable says how fields are called and described that ask for what paper
// calls by the name at the head of each block.
//
// A name or description that begins with "!" is held out of training. One that
// ends in @ and letters holds for these kinds of documents only: i invoice,
// c credit note, o order, d delivery note, r receipt, k contract, m e-mail.
// "+" at the end: only asked for where the document has it, because of a
// document without it a reader might take something else for it. "-" at the
// end: not where the document states a part payment, which makes it ambiguous;
// "^": only there. "absent" are the kinds of documents where asking for what is not
// there is a likely question; "type" is the type of what is never there.
const nameTable = `
== document_number
names = invoice_number@i; invoice_no@i; invoice_nr@i; inv_no@i; inv_number@i; invoice_id@i; invoice@i; !bill_no@i; bill_number@i; rechnungsnummer@i; rechnung_nr@i; rechnungs_nr@i; !faktura_nr@i; re_nummer@i; !invoice_code@i; invoice_number@i; invoice_number@i
names = credit_note_number@c; credit_note_no@c; credit_number@c; gutschriftsnummer@c; gutschrift_nr@c; !credit_memo_no@c
names = order_number@o; order_no@o; po_number@o; purchase_order@o; bestellnummer@o; bestell_nr@o; order_id@o; !purchase_order_ref@o; auftragsnummer@o
names = delivery_note_number@d; delivery_note_no@d; lieferscheinnummer@d; lieferschein_nr@d; delivery_note@d; packing_slip_no@d; !despatch_number@d
names = receipt_number@r; receipt_no@r; bon_nummer@r; receipt_id@r; transaction_no@r; !kassenbon_nr@r
names = contract_number@k; contract_no@k; vertragsnummer@k; vertrag_nr@k; agreement_number@k; contract_id@k; !agreement_ref@k
names = number+; document_number+; document_no+; doc_no+; doc_number+; document_id+; belegnummer@icdor+; beleg_nr@icdor+; dokumentnummer+; !voucher_number+; nummer+; !doc_ref+
about = number of this document; the number that identifies the document; the document's own number, not that of an order@icdrk; number under which the document was issued; !identifier printed at the head of the document; !what this document is filed under
about = invoice number@i; number of the invoice@i; the number that the supplier gave this invoice@i; !unique number of this bill@i; number of the credit note@c; number of the order@o; number of the delivery note@d; number of the receipt@r; contract number@k; number of the agreement@k
about = Nummer dieses Dokuments; eigene Nummer des Belegs; Nummer der Rechnung@i; Rechnungsnummer des Lieferanten@i; Nummer der Bestellung@o; Vertragsnummer@k; !Kennung, unter der der Beleg ausgestellt wurde
== document_date
names = invoice_date@i; date_of_invoice@i; billing_date@i; rechnungsdatum@i; !bill_date@i; invoiced_on@i; datum_rechnung@i; invoice_date@i; invoice_date@i
names = credit_note_date@c; gutschriftsdatum@c; order_date@o; ordered_on@o; bestelldatum@o; !purchase_date@o; receipt_date@r; !transaction_date@r; kaufdatum@r; contract_date@k; vertragsdatum@k; date_signed@k; !agreement_date@k; delivery_note_date@d; lieferscheindatum@d
names = date+; document_date+; issue_date@icdo; issued@icdo; date_of_issue@icdo; issued_on@icdo; belegdatum@icdr; ausstellungsdatum@icdo; !doc_date+; !ausgestellt_am@icdo; datum+; sent_on@m; mail_date@m; !sent_date@m; gesendet_am@m
about = date of the document; day on which the document was issued@icdo; date of the invoice@i; when the invoice was written@i; invoice date@i; !day the bill was made out@i; date of the order@o; date of the credit note@c; date of the contract@k; day of signature@k; when the purchase was made@r; when the message was sent@m; !day the paper bears
about = Datum des Dokuments; Tag der Ausstellung@icdo; Rechnungsdatum@i; Datum der Bestellung@o; wann der Beleg ausgestellt wurde@icdo; Datum des Vertrags@k; Tag des Einkaufs@r; wann die Nachricht gesendet wurde@m; !Tag, an dem das Schreiben verfasst wurde
== due_date
absent = icrod
names = due_date; due; payment_due; pay_by; due_on; payment_due_date; faellig_am; faelligkeit; faelligkeitsdatum; zahlbar_bis; date_due; !payable_by; !pay_until; !zahlungsfrist_bis; deadline_payment; due_date; due_date
about = day by which payment must be made; when the payment is due; last day to pay; due date of the payment; date until which the amount has to be paid; !latest date on which the money must arrive; !deadline for settling the bill
about = Tag, bis zu dem zu zahlen ist; Fälligkeit der Zahlung; bis wann bezahlt werden muss; !spätester Zahlungstermin
== delivery_date
absent = irko
names = delivery_date; date_of_delivery; delivered_on@icd; ship_date@icd; supply_date@icd; lieferdatum; liefertermin@o; leistungsdatum@ic; deliver_by@o; required_by@o; requested_delivery@o; !date_delivered@icd; !shipping_date@icd; !wunschtermin@o; geliefert_am@icd; delivery_date
about = day of delivery; when the goods were delivered@icd; date on which goods or services were supplied@icd; when the delivery is wanted@o; date by which the supplier is to deliver@o; !day the goods change hands
about = Tag der Lieferung; wann geliefert wurde@icd; Datum der Leistung@ic; gewünschter Liefertermin@o; !Zeitpunkt der Übergabe der Ware
== order_number
absent = icdr
names = order_number@icdrm; po_number@icdrm; purchase_order@icdrm; customer_order@icd; your_order@icd; bestellnummer@icdrm; po_no@icd; order_no@icd; order_ref@icd; bestell_nr@icd; ihre_bestellung@icd; !buyer_order_no@icd; !bestellreferenz@icd; auftragsnummer@icd; purchase_order_number@icd; !customer_po@icd; po@icd
about = number of the customer's order@icdrm; the purchase order that this refers to@icd; order that is being billed@i; order number of the buyer@icd; !reference to what the customer had ordered@icd
about = Bestellnummer des Kunden@icd; Nummer der zugrunde liegenden Bestellung@icd; !Auftrag, auf den sich der Beleg bezieht@icd
== order_date
absent = icd
names = order_date@icdrm; ordered_on@icd; date_of_order@icd; bestelldatum@icd; po_date@icd; bestellt_am@icd; !date_ordered@icd
about = day on which the goods were ordered@icd; date of the customer's order@icd; !when the customer placed the order@icd
about = Datum der Bestellung@icd; wann bestellt wurde@icd; !Tag, an dem der Auftrag erteilt wurde@icd
== delivery_note_number
absent = ic
names = delivery_note_number@icm; delivery_note@ic; delivery_note_no@ic; packing_slip@ic; lieferschein@ic; lieferscheinnummer@ic; lieferschein_nr@ic; dn_number@ic; !despatch_note@ic; !ls_nr@ic
about = number of the delivery note@ic; the delivery note that belongs to this invoice@i; !paper that came with the goods@ic
about = Nummer des Lieferscheins@ic; zugehöriger Lieferschein@ic; !Beleg, der die Ware begleitet hat@ic
== invoice_reference
absent = c
names = original_invoice@c; invoice_reference; credited_invoice@c; refers_to_invoice; related_invoice; corrected_invoice@c; bezug_rechnung; ursprungsrechnung@c; !invoice_ref; !against_invoice@c; zu_rechnung
about = number of the invoice that is credited@c; the invoice that this refers to; original invoice that is corrected@c; !which earlier bill this is about
about = Nummer der Rechnung, auf die sich der Beleg bezieht; gutgeschriebene Rechnung@c; !frühere Rechnung, die berichtigt wird@c
== contract_number
absent = icor
names = contract_number@icodrm; contract_no@icodrm; vertragsnummer@icodrm; agreement_number@icodrm; contract_id@icodrm; !contract_ref@icodrm
about = number of the contract that this is based on@icodm; contract number@icodm; Nummer des zugrunde liegenden Vertrags@icodm; !agreement under which the work was done@icodm
== contract_start
absent = k
names = contract_start; start_date@k; effective_date; valid_from; commencement@k; vertragsbeginn; beginn@k; laufzeit_von@k; term_start@k; gueltig_ab; !in_force_from; !startdatum@k; effective_from
about = day on which the contract begins; when the agreement takes effect; first day of the term; !from when the parties are bound
about = Beginn des Vertrags; erster Tag der Laufzeit; !ab wann der Vertrag gilt
== contract_end
absent = k
names = contract_end; end_date@k; expiry_date@k; valid_until@k; term_end@k; vertragsende; laufzeit_bis@k; gueltig_bis@k; ende@k; !expires_on@k; !enddatum@k; expiration@k
about = day on which the contract ends; when the agreement expires; last day of the term; !until when the parties are bound
about = Ende des Vertrags; letzter Tag der Laufzeit; !wann der Vertrag ausläuft
== notice_period
absent = k
names = notice_period; notice; termination_notice; kuendigungsfrist; period_of_notice; !cancellation_notice; !frist_kuendigung
about = how long before the end notice must be given; notice period of the contract; time needed to terminate the contract; !how early one has to say that the contract shall end
about = Frist für die Kündigung; Kündigungsfrist des Vertrags; !wie lange vorher gekündigt werden muss
== contract_value
absent = k
names = contract_value@k; total_value@k; contract_price@k; vertragswert@k; annual_fee@k+; fee@k+; auftragswert@k; !contract_sum@k; !verguetung@k+
about = what the contract is worth; amount agreed in the contract; price of what the contract covers; !sum the customer pays under the agreement
about = Wert des Vertrags; vereinbarter Betrag; !Summe, die nach dem Vertrag zu zahlen ist
== supplier_name
absent = m
names = supplier_name; supplier; vendor; vendor_name; seller; seller_name; supplier_company; lieferant; lieferantenname; name_lieferant; verkaeufer; anbieter; provider@ik; contractor@k; auftragnehmer@k; issuer@icdr; issued_by@icdr; rechnungssteller@i; absender@icd; sender@icd; from_company@icd; aussteller@icdr; shop@r; merchant@r; store_name@r; !creditor@ic; !biller@i; !supplying_company; !kreditor@ic; !haendler@r; supplier_name; supplier_name; vendor; supplier
about = who sends the invoice@i; name of the supplier; company that sells; the company that issued the document@icdr; name of the company that sends the invoice@i; seller's name; party that delivers the goods or services; who the order goes to@o; name of the shop@r; !company that wants to be paid@i; !firm on the selling side
about = Name des Lieferanten; wer die Rechnung stellt@i; Firma, die liefert; Unternehmen, das den Beleg ausgestellt hat@icdr; Name des Verkäufers; Name des Auftragnehmers@k; !Firma, die Geld bekommt@i
== supplier_vat_id
absent = ickord
names = supplier_vat_id; vat_id; vat_number; vat_no; supplier_vat; vat_reg_no; ust_id; ustidnr; ust_id_nr; tax_id; supplier_tax_id; umsatzsteuer_id; uid_nummer; !seller_vat_number; !vat_registration; !steuer_id_lieferant; vat_id
about = VAT identification number of the supplier; VAT number of the seller; tax number for VAT of the company that issued this@icdr; !number under which the supplier pays VAT
about = Umsatzsteuer-Identifikationsnummer des Lieferanten; USt-IdNr. des Ausstellers@icdr; !Nummer des Lieferanten für die Umsatzsteuer
== supplier_email
absent = ickdo
names = supplier_email; vendor_email; supplier_mail; email_lieferant; seller_email; email+; e_mail+; contact_email+; !supplier_e_mail_address; !mail_lieferant; mailadresse+
about = e-mail address of the supplier; address for electronic mail to the seller; !where to write to the supplier by e-mail
about = E-Mail-Adresse des Lieferanten; !wohin man dem Lieferanten mailt
== supplier_phone
absent = icdor
names = supplier_phone; phone+; telephone+; supplier_tel; vendor_phone; telefon+; phone_number+; telefonnummer+; !supplier_call_number; !rufnummer+; tel+
about = telephone number of the supplier; phone number of the seller; !number to call the supplier
about = Telefonnummer des Lieferanten; !Nummer, unter der man den Verkäufer anruft
== supplier_city
names = supplier_city; vendor_city; city_of_supplier; seller_city; ort_lieferant; supplier_town; !supplier_location; !lieferant_ort; sitz_lieferant@ick
about = city of the supplier; town in which the seller is; place in the supplier's address; !where the selling company is located
about = Ort des Lieferanten; Stadt in der Anschrift des Verkäufers; !wo der Lieferant sitzt
== customer_name
absent = rm
names = customer_name; customer; client; client_name; buyer; buyer_name; bill_to@ic; sold_to@ic; kunde; kundenname; name_kunde; rechnungsempfaenger@ic; empfaenger@icd; recipient@icd; besteller@o; auftraggeber@ok; purchaser@o; ordered_by@o; consignee@d; deliver_to@d; kaeufer; !invoice_recipient@ic; !addressee@icd; !abnehmer; !debtor_name@ic; customer_name; customer_name
about = name of the customer; company that buys; who the invoice is addressed to@ic; who has to pay@i; buyer's name; party that receives the goods@d; company that placed the order@o; !firm on the buying side; !who is being billed@ic
about = Name des Kunden; an wen die Rechnung geht@ic; Firma, die kauft; Empfänger der Ware@d; Name des Auftraggebers@ok; !wer die Leistung bezieht
== customer_number
absent = ickdo
names = customer_number; customer_no; client_number; account_number_customer; kundennummer; kunden_nr; customer_id; kdnr; client_id; account_no+; !debtor_number; !kundenkennung; cust_no; customer_number
about = number under which the supplier keeps the customer; customer number; account number of the customer at the supplier; !how the supplier's books call this client
about = Kundennummer; Nummer des Kunden beim Lieferanten; !unter welcher Nummer der Kunde geführt wird
== contact_person
absent = icd
names = contact_person; contact; contact_name; handled_by@icdo; clerk@icdo; account_manager@icdo; ansprechpartner; sachbearbeiter@icdo; bearbeiter@icdo; ansprechperson; !person_in_charge@icdo; !kontaktperson; your_contact@icdo
about = person to ask; name of the contact person; who handles this at the supplier@icd; employee to turn to with questions@icdo; !human being behind the document@icdo
about = Ansprechpartner; Person für Rückfragen; wer den Vorgang bearbeitet@icdo; !an wen man sich bei Fragen wendet
== project
absent = icod
names = project; project_name; job+; site+; projekt; bauvorhaben+; projektname; construction_site+; !job_name+; !vorhaben+; project
about = project that this belongs to; name of the project or site; what job the work was done for@icd; !undertaking that the goods are for
about = Projekt, zu dem der Beleg gehört; Name des Bauvorhabens; !wofür die Ware bestimmt ist
== currency
absent = dm
names = currency; currency_code; waehrung; curr; iso_currency; invoice_currency@i; !ccy; !waehrungscode; currency; currency
about = currency of the amounts; three-letter code of the currency; ISO 4217 code; currency in which the amounts are stated; !money the prices are in
about = Währung der Beträge; Währungscode nach ISO 4217; !in welchem Geld gerechnet wird
== net_amount
absent = dkr
names = net_amount; net_total; subtotal; net; amount_net; total_net; net_value; nettobetrag; netto; summe_netto; zwischensumme; sub_total; amount_excl_vat; amount_before_tax; !total_excl_tax; !warenwert_netto; !netto_summe; net_amount; net_amount
about = amount before shipping and tax; sum before tax; total without VAT; net amount; value of the goods without tax; !what it costs before the state takes its share; !sum exclusive of tax
about = Betrag ohne Steuer; Summe vor Steuern; Nettobetrag; !Wert ohne Umsatzsteuer
== shipping_amount
absent = icor
names = shipping_amount; shipping; freight; postage; delivery_charge; carriage; shipping_cost; shipping_costs; versandkosten; fracht; porto; frachtkosten; versand; !transport_costs; !lieferkosten; !delivery_fee
about = what delivery costs; amount for shipping; freight or postage; charge for carriage; !price of bringing the goods
about = Kosten für Versand oder Fracht; Versandkosten; Betrag für die Lieferung; !was der Transport kostet
== discount_amount
absent = icor
names = discount_amount; discount; rebate; trade_discount; rabatt; nachlass; rabattbetrag; amount_discount; !price_reduction; !preisnachlass; discount_total
about = amount taken off the price; discount as an amount; rebate granted; !by how much the price was lowered
about = gewährter Rabatt; Nachlass als Betrag; !um wie viel der Preis gesenkt wurde
== tax_rate
absent = d
names = tax_rate; vat_rate; vat_percent; tax_percent; steuersatz; mwst_satz; ust_satz; tax_rate_percent; !rate_of_vat; !prozent_mwst; gst_rate
about = rate of the tax in percent; VAT rate; percentage of tax; !how many percent the tax is
about = Steuersatz in Prozent; Mehrwertsteuersatz; !Prozentsatz der Umsatzsteuer
== tax_amount
absent = dkr
names = tax_amount; vat; vat_amount; tax; sales_tax; tax_total; mwst; mehrwertsteuer; ust; umsatzsteuer; steuerbetrag; mwst_betrag; total_vat; !amount_of_tax; !ust_betrag; !value_added_tax; tax_amount; tax_amount
about = amount of the tax; value added tax as an amount; tax included in the total; VAT to pay; !the state's share as a sum
about = Betrag der Steuer; Mehrwertsteuer als Betrag; Umsatzsteuerbetrag; !wie viel Steuer anfällt
== total_amount
absent = dkm
names = total_amount; total; grand_total; gross_total; gross_amount; invoice_total@i; total_incl_vat; gesamtbetrag; gesamt; gesamtsumme; brutto; bruttobetrag; rechnungsbetrag@i; amount_total; total_gross; endbetrag; order_total@o; order_value@o; bestellwert@o; summe; amount+; betrag+; total_credit@c; amount_payable@i-; amount_due@i-; to_pay@ir-; zahlbetrag@i-; !total_sum; !overall_amount; !summe_brutto; !invoice_amount@i; !final_amount; total_amount; total_amount; total
about = amount to pay@ir-; total including tax; gross total; sum of the invoice with tax@i; final amount including VAT; what has to be paid in the end@i-; total of the order@o; amount credited in total@c; !everything together, tax included; !bottom line of the bill@ir
about = zu zahlender Betrag@ir-; Gesamtbetrag mit Steuer; Bruttosumme; Rechnungsbetrag@i; Wert der Bestellung@o; !alles zusammen einschließlich Steuer
== amount_paid
absent = ico
names = amount_paid; paid; already_paid; deposit; prepayment; prepaid; anzahlung; bereits_gezahlt; payment_received; !paid_so_far; !geleistete_zahlung; amount_received
about = amount that has already been paid; deposit or prepayment received; !money the supplier already has
about = bereits gezahlter Betrag; geleistete Anzahlung; !was schon überwiesen ist
== amount_due
names = amount_due; balance_due; amount_due; balance^; open_amount; outstanding; remaining_amount^; restbetrag^; offener_betrag; noch_zu_zahlen; amount_outstanding; !left_to_pay; !restforderung^; still_to_pay; !sum_owed
about = amount that is still to be paid; what remains after the payment received^; open balance; !rest that is owed^; !what is owed now
about = noch zu zahlender Betrag; was nach Abzug der Zahlung offen bleibt^; !was noch geschuldet wird
== iban
absent = ickord
names = iban; supplier_iban; bank_account; iban_number; bank_iban; bankverbindung; konto_iban; account_iban; iban_lieferant; !pay_to_account; !iban_nr; iban; iban; iban
about = account to pay to; IBAN of the supplier; international bank account number of the seller; bank account for the payment; !where the money is to be sent
about = Konto des Lieferanten; IBAN für die Überweisung; Bankverbindung des Ausstellers; !wohin das Geld überwiesen wird
== bic
absent = ickor
names = bic; swift; swift_code; bic_code; bic_swift; bank_code+; !bank_bic; !swift_bic
about = code of the bank; BIC or SWIFT code of the supplier's bank; !international code of the bank
about = BIC der Bank; SWIFT-Code; !Kennung der Bank
== account_holder
absent = ic
names = account_holder; account_name; payee; beneficiary; kontoinhaber; holder_of_account; !beneficiary_name; !inhaber_konto
about = whose bank account it is; name of the account holder; !in whose name the account is held
about = Inhaber des Kontos; Kontoinhaber; !auf wen das Konto lautet
== payment_terms
absent = icokd
names = payment_terms; terms_of_payment; terms; payment_conditions; zahlungsbedingungen; zahlungsziel; konditionen; zahlungskonditionen; conditions; !settlement_terms; !zahlungsmodalitaeten; pay_terms; payment_terms; payment_terms
about = how and when to pay; terms of payment; conditions under which payment is made; the sentence about payment, as printed; !agreement on when money flows
about = Zahlungsbedingungen; wie und wann zu zahlen ist; Bedingungen für die Zahlung; !was über die Zahlung vereinbart ist
== payment_method
names = payment_method; paid_by; method_of_payment; zahlungsart; payment_type; zahlweise; bezahlt_mit; means_of_payment; !pay_method; !zahlungsmittel
about = how the amount was paid; means of payment; cash, card or other; !what the customer paid with
about = womit bezahlt wurde; Art der Zahlung; !Zahlungsmittel des Kunden
== item_count
absent = km
names = item_count; number_of_items; items_total; count_of_items; anzahl_positionen; positions_count; anzahl_artikel; !how_many_items; !artikelzahl
about = number of items as stated; how many items or lines the document says it has; Anzahl der Positionen laut Beleg; !printed count of the articles
== subject
names = subject@m; betreff@m; subject_line@m; topic@m; !mail_subject@m; !betreffzeile@m
about = subject line of the message@m; what the e-mail is about according to its subject@m; Betreff der Nachricht@m; !headline of the message@m
== sender
names = sender@m; from@m; from_address@m; absender@m; sent_by@m; von@m; !mail_from@m; !sender_name@m
about = who wrote the message@m; sender of the e-mail@m; Absender der Nachricht@m; !person the e-mail comes from@m
== recipient
names = recipient@m; to@m; to_address@m; empfaenger@m; sent_to@m; an@m; !mail_to@m; !recipient_name@m
about = who the message is for@m; recipient of the e-mail@m; Empfänger der Nachricht@m; !person the e-mail goes to@m
== invoice_number
type = string
absent = dko
names = invoice_number; invoice_no; rechnungsnummer; inv_no; rechnung_nr; !bill_no
about = number of the invoice; Nummer der Rechnung; !unique number of this bill
== supplier_tax_number
type = string
absent = ickor
names = company_register_number; fax; fax_number; supplier_fax; handelsregister; register_no; webshop_order; tracking_number; sendungsnummer; shipment_number; !trade_register; vehicle_plate; kennzeichen; insurance_number; cost_center_code; batch_number; chargennummer; serial_number; seriennummer; !lot_number; passport_number
about = number of the commercial register; fax number of the supplier; parcel number for tracking; licence plate of the vehicle; serial number of the device; number of the insurance policy; Faxnummer; Sendungsnummer zur Verfolgung; !code of the production batch
== cancellation_fee
type = number
absent = icokr
names = late_fee; reminder_fee; mahngebuehr; insurance_amount; customs_duty; zoll; tip; trinkgeld; deposit_bottles; pfand; packaging_fee; verpackungskosten; environmental_fee; hourly_rate; stundensatz; weight_kg; gewicht; !surcharge; !handling_fee; !rundung; exchange_rate
about = fee for a late payment; customs duty charged; weight of the shipment in kilograms; rate per hour; tip given to the staff; deposit on bottles; rate at which currencies were exchanged; Mahngebühr; Zollbetrag; !extra charge for handling
== warranty_until
type = date
absent = ickor
names = warranty_until; warranty_end; best_before; mhd; inspection_date; next_service; service_end; birth_date; reminder_date; !guarantee_end; departure_date; check_in; arrival; signature_deadline
about = day until which the warranty runs; best-before date of the goods; when the next inspection is; day of birth; day of departure; Ende der Garantie; !until when defects may be claimed
`
