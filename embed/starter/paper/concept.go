package paper

// The vocabulary of extras. A language model cannot learn what a word means
// from documents that never use it, so the words are many and everyday.

// things and properties combine to concepts: the gate's code, the pump's
// serial number.
const things = `
Gate | Tor
Locker | Schließfach
Boiler | Kessel
Pump | Pumpen
Elevator | Aufzug
Garage | Garagen
Server | Server
Trailer | Anhänger
Container | Container
Warehouse | Lager
Machine | Maschinen
Battery | Batterie
Gas meter | Gaszähler
Tank | Tank
Crane | Kran
Vehicle | Fahrzeug
Pallet | Paletten
Parking | Parkplatz
Cabinet | Schrank
Heater | Heizungs
Compressor | Kompressor
Printer | Drucker
Router | Router
Seal | Plomben
Permit | Genehmigungs
Safe | Tresor
Flat | Wohnungs
Ramp | Rampen
Tool | Werkzeug
Sample | Muster
`

// properties: English and German word, values, description with a hole.
const properties = `
code | Code | pin | code for the %s
number | Nummer | reference | number of the %s
serial number | Seriennummer | serial | serial number of the %s
weight | Gewicht | decimal:kg | how heavy the %s is, in kilograms
date | Datum | date | date that belongs to the %s
key | Schlüssel | code | which key opens the %s
type | Typ | code | model or type of the %s
status | Status | choice:OK,A1,B2,C3,X | state of the %s
level | Stand | number:% | how full the %s is, in percent
owner | Eigentümer | company | company that owns the %s
location | Standort | place | where the %s is
inspection | Prüfung | date | day on which the %s was or will be inspected
temperature | Temperatur | temperature | temperature of the %s in degrees
`

// conceptTable: name | values | description | English labels | German labels |
// the canonical fact that it might be taken for.
const conceptTable = `
gate_code | pin | code that opens the gate | Gate code; Gate PIN; Access code gate | Torcode; Zufahrtscode; Code für das Tor
cost_centre | digits | where the cost is booked | Cost centre; Cost center; CC | Kostenstelle; KSt.; Kst.-Nr.
cost_unit | digits | what the cost is charged to | Cost unit; Cost object | Kostenträger; KTR
meter_reading | reading:kWh | what the electricity meter shows | Meter reading; Reading | Zählerstand; Ablesung
previous_reading | reading:kWh | what the meter showed last time | Previous reading; Last reading | Vorheriger Zählerstand; Alter Zählerstand
meter_number | serial | number printed on the meter | Meter no.; Meter number | Zählernummer; Zähler-Nr.
vehicle_plate | plate | licence plate of the vehicle | Vehicle plate; Licence plate; Registration | Kennzeichen; Kfz-Kennzeichen
trailer_plate | plate | licence plate of the trailer | Trailer plate; Trailer reg. | Anhängerkennzeichen; Kennzeichen Anhänger
delivery_window | window | hours in which to deliver | Delivery window; Time slot; Delivery slot | Lieferfenster; Zeitfenster
batch_number | code | batch the goods were made in | Batch no.; Batch; Lot no. | Chargennummer; Charge; Chargen-Nr.
room | code | room that is meant | Room; Room no. | Raum; Raum-Nr.; Zimmer
floor | count | storey of the building | Floor; Storey | Etage; Stockwerk
gross_weight | decimal:kg | weight with packaging in kilograms | Gross weight; Weight gross | Bruttogewicht; Gewicht brutto
net_weight | decimal:kg | weight without packaging in kilograms | Net weight; Weight net | Nettogewicht; Gewicht netto
storage_temperature | temperature | temperature to store at, in degrees | Storage temperature; Store at | Lagertemperatur; Lagerung bei
transport_temperature | temperature | temperature while under way, in degrees | Transport temperature; Carriage temperature | Transporttemperatur; Temperatur beim Transport
site_phone | phone | phone on the building site | Site phone; Phone on site | Baustellentelefon; Telefon vor Ort | supplier_phone
emergency_phone | phone | phone for emergencies | Emergency phone; 24h hotline | Notruf; Notdienst | supplier_phone
fax | phone | fax number | Fax; Fax no. | Fax; Telefax | supplier_phone
opening_hours | hours | when it is open | Opening hours; Open | Öffnungszeiten; Geöffnet
driver | person | who drives the truck | Driver; Driver name | Fahrer; Name des Fahrers
received_by | person | who took the goods | Received by; Goods received by | Angenommen von; Ware erhalten von
approved_by | person | who approved it | Approved by; Released by | Freigegeben von; Genehmigt durch
site_manager | person | who runs the building site | Site manager; Foreman | Bauleiter; Polier | contact_person
cashier | person | who served at the till | Cashier; Served by | Kassierer; Es bediente Sie | contact_person
sales_rep | person | who sold it | Sales rep; Salesperson | Außendienst; Vertriebsmitarbeiter | contact_person
technician | person | who did the work | Technician; Engineer | Techniker; Monteur | contact_person
supervisor | person | who supervises | Supervisor; Team lead | Vorgesetzter; Teamleiter | contact_person
department | choices:Purchasing,Sales,Logistics,IT,Facilities/Einkauf,Vertrieb,Logistik,IT,Technik | part of the company | Department; Dept. | Abteilung; Abt.
incoterms | choice:EXW,FCA,DAP,DDP,CIF,FOB,CPT | trade rule for delivery | Incoterms; Delivery terms | Incoterms; Lieferbedingung
hs_code | digits | customs tariff number | HS code; Tariff no.; Commodity code | Zolltarifnummer; Warennummer
country_of_origin | choices:Germany,China,Italy,Poland,Japan/Deutschland,China,Italien,Polen,Japan | country where the goods were made | Country of origin; Origin; Made in | Ursprungsland; Ursprung; Herkunft
port_of_loading | place | port where the goods are loaded | Port of loading; Loading port | Ladehafen; Verladehafen
port_of_discharge | place | port where the goods are unloaded | Port of discharge; Discharge port | Löschhafen; Entladehafen
container_number | serial | number of the shipping container | Container no.; Container number | Containernummer; Container-Nr.
seal_number | digits | number of the seal | Seal no.; Seal number | Plombennummer; Plombe Nr.
tracking_number | serial | number to follow the parcel by | Tracking no.; Tracking number; Parcel no. | Sendungsnummer; Paketnummer; Trackingnummer
shipping_method | choices:Truck,Air,Sea,Rail,Courier/Lkw,Luftfracht,See,Bahn,Kurier | how the goods travel | Shipping method; Ship via; Mode of transport | Versandart; Transportart
parcels | count | how many parcels | Parcels; No. of parcels; Packages | Pakete; Anzahl Pakete; Packstücke
pallets | count | how many pallets | Pallets; No. of pallets | Paletten; Anzahl Paletten
volume | decimal:m³ | space taken in cubic metres | Volume; Cubic volume | Volumen; Rauminhalt
dimensions | size | length, width and height | Dimensions; Size | Abmessungen; Maße
quality_grade | choice:A,B,AA,I,II,S1 | grade of quality | Quality grade; Grade | Güteklasse; Qualitätsstufe
serial_number | serial | number that identifies the single device | Serial no.; S/N; Serial number | Seriennummer; Serien-Nr.; SN
order_code | code | code to order the part by | Order code; Ordering code | Bestellcode; Bestellschlüssel | order_number
drawing_number | reference | number of the technical drawing | Drawing no.; Drawing | Zeichnungsnummer; Zeichnung Nr.
revision | choice:A,B,C,01,02,1.3,2.0 | version of the drawing or document | Revision; Rev. | Revision; Änderungsstand
material | choices:Steel,Aluminium,Oak,PVC,Brass/Stahl,Aluminium,Eiche,PVC,Messing | what it is made of | Material; Made of | Werkstoff; Material
colour | choices:Red,Blue,White,Grey,Black/Rot,Blau,Weiß,Grau,Schwarz | its colour | Colour; Color; Finish | Farbe; Farbton
best_before | date | last day on which it is good to use | Best before; Use by | Mindestens haltbar bis; MHD
production_date | date | day on which it was made | Production date; Made on; Manufactured | Produktionsdatum; Hergestellt am
inspection_date | date | day of the inspection | Inspection date; Inspected on | Prüfdatum; Geprüft am
next_service | date | when the next service is due | Next service; Next maintenance due | Nächste Wartung; Wartung fällig
warranty_until | date | last day of the warranty | Warranty until; Warranty expires | Garantie bis; Gewährleistung bis
offer_number | reference | number of the offer or quotation | Offer no.; Quotation no.; Quote | Angebotsnummer; Angebot Nr.
offer_date | date | date of the offer or quotation | Offer date; Quotation date | Angebotsdatum; Angebot vom
case_number | reference | number of the case or file | Case no.; File no. | Aktenzeichen; Vorgangsnummer
ticket_number | digits | number of the support ticket | Ticket no.; Ticket; Support ticket | Ticketnummer; Ticket-Nr.
policy_number | reference | number of the insurance policy | Policy no.; Insurance policy | Policennummer; Versicherungsschein
claim_number | reference | number of the damage claim | Claim no.; Claim number | Schadennummer; Schaden-Nr.
membership_number | digits | number of the member | Membership no.; Member no. | Mitgliedsnummer; Mitglieds-Nr.
loyalty_points | count | points collected by the customer | Points earned; Bonus points | Bonuspunkte; Gesammelte Punkte
till_number | count | number of the till | Till; Till no.; Register | Kasse; Kassen-Nr.
table_number | count | number of the table | Table; Table no. | Tisch; Tisch-Nr.
terminal_id | digits | number of the card terminal | Terminal ID; Terminal | Terminal-ID; Terminalnummer
card_number_end | digits | last digits of the card | Card ending; Card no. ending in | Kartennummer endet auf; Karte Endziffern
authorisation_code | digits | code by which the bank approved the card | Auth code; Approval code | Genehmigungsnummer; Autorisierungscode
mandate_reference | reference | reference of the direct debit mandate | Mandate reference; Mandate ID | Mandatsreferenz; Mandats-Nr.
creditor_id | serial | creditor identifier for direct debits | Creditor ID; Creditor identifier | Gläubiger-ID; Gläubiger-Identifikationsnummer
tax_number | digits | number of the supplier at the local tax office | Local tax no.; Tax office no. | Steuernummer; St.-Nr. | supplier_vat_id
register_number | digits | number in the commercial register | Company reg. no.; Registered no. | Handelsregister; HRB
supplier_number | digits | number of the supplier in the customer's books | Supplier no.; Vendor no.; Our vendor number | Lieferantennummer; Lieferanten-Nr.; Kreditor
leitweg_id | reference | routing number of a public body | Routing ID; Public routing no. | Leitweg-ID; Leitweg
purchase_group | code | group of buyers | Purchasing group; Buyer group | Einkäufergruppe; Einkaufsgruppe
plant | code | plant that receives the goods | Plant; Works code | Werk; Werksnummer
storage_location | code | where in the store it lies | Storage bin; Bin location; Stock location | Lagerplatz; Lagerort; Regalplatz
loading_dock | count | dock where the truck is loaded | Dock; Loading dock | Ladestelle; Verladestelle
route | code | tour of the delivery van | Route; Tour | Tour; Route
flight_number | code | number of the flight | Flight no.; Flight | Flugnummer; Flug
booking_code | serial | code of the booking | Booking code; Reservation no.; Booking ref. | Buchungscode; Reservierungsnummer
arrival | date | day on which the guest arrives | Arrival; Check-in | Anreise; Check-in
departure | date | day on which the guest leaves | Departure; Check-out | Abreise; Check-out
guests | count | how many people stay | Guests; No. of guests | Gäste; Anzahl Gäste
nights | count | how many nights | Nights; No. of nights | Nächte; Übernachtungen
mileage | reading:km | what the odometer shows in kilometres | Mileage; Odometer | Kilometerstand; km-Stand
vin | serial | number of the chassis | VIN; Chassis no. | Fahrgestellnummer; FIN
engine_hours | reading:h | how many hours the engine has run | Engine hours; Operating hours | Betriebsstunden; Maschinenstunden
fuel_level | number:% | how full the tank is, in percent | Fuel level; Tank level | Tankfüllung; Kraftstoffstand
tyre_size | code | size of the tyres | Tyre size; Tire size | Reifengröße; Reifen
consumption | number:kWh | energy used in kilowatt hours | Consumption; Usage | Verbrauch; Energieverbrauch
base_fee | price | fixed part of the charge | Base fee; Standing charge | Grundpreis; Grundgebühr
deposit_bottles | price | refundable money for bottles and crates | Bottle deposit; Container deposit | Pfand; Leergutpfand
tip | price | money given to the staff | Tip; Gratuity | Trinkgeld; Tip
cash_given | price | money handed over at the till | Cash tendered; Cash given | Gegeben; Bar gegeben | amount_paid
change_given | price | money handed back at the till | Change; Change due | Rückgeld; Wechselgeld
insured_value | price | value for which it is insured | Insured value; Sum insured | Versicherungssumme; Versicherter Wert
customs_value | price | value declared to customs | Customs value; Declared value | Zollwert; Angemeldeter Wert
credit_limit | price | how much the customer may owe | Credit limit; Limit | Kreditlimit; Kreditrahmen
hourly_rate | price | price of one hour of work | Hourly rate; Rate per hour | Stundensatz; Satz pro Stunde
lead_time | days | time from order to delivery | Lead time; Production time | Lieferzeit; Durchlaufzeit
response_time | days | time until someone reacts | Response time; Reaction time | Reaktionszeit; Antwortzeit
shift | choices:Early,Late,Night/Früh,Spät,Nacht | shift that did the work | Shift; Work shift | Schicht; Arbeitsschicht
priority | choices:High,Low,Normal,Urgent/Hoch,Niedrig,Normal,Eilt | how urgent it is | Priority; Urgency | Priorität; Dringlichkeit
start_time | time | time of day when it starts | Start time; Begins at | Startzeit; Beginn um
end_time | time | time of day when it ends | End time; Finished at | Endzeit; Ende um
pickup_time | time | time of day when it is collected | Pick-up time; Collection time | Abholzeit; Abholung um
arrival_time | time | time of day when the truck came | Arrival time; Arrived at | Ankunftszeit; Ankunft um
working_hours | decimal:h | hours that were worked | Hours worked; Working hours | Arbeitsstunden; Geleistete Stunden
break_minutes | number:min | length of the breaks in minutes | Break; Breaks (min) | Pause; Pausenzeit
humidity | number:% | moisture of the air in percent | Humidity; Rel. humidity | Luftfeuchte; Luftfeuchtigkeit
pressure | decimal:bar | pressure in bar | Pressure; Operating pressure | Druck; Betriebsdruck
voltage | number:V | electric tension in volts | Voltage; Mains voltage | Spannung; Netzspannung
power | decimal:kW | electric or mechanical power in kilowatts | Power; Rated power | Leistung kW; Nennleistung
flow_rate | decimal:l/min | litres a minute | Flow rate; Flow | Durchfluss; Fördermenge
noise_level | number:dB | loudness in decibels | Noise level; Sound level | Lärmpegel; Schallpegel
length | decimal:m | length in metres | Length; Total length | Länge; Gesamtlänge
area | decimal:m² | area in square metres | Area; Floor area | Fläche; Wohnfläche
thickness | decimal:mm | thickness in millimetres | Thickness; Wall thickness | Dicke; Wandstärke
diameter | number:mm | diameter in millimetres | Diameter; Bore | Durchmesser; Bohrung
density | decimal:kg/l | mass per volume | Density; Specific density | Dichte; Spezifisches Gewicht
moisture | decimal:% | share of water in percent | Moisture; Moisture content | Feuchte; Restfeuchte
ph_value | decimal | how acid it is | pH; pH value | pH-Wert; pH
wifi_password | serial | password of the wireless network | Wi-Fi password; WLAN key | WLAN-Passwort; WLAN-Schlüssel
username | word | name to log in with | User name; Login | Benutzername; Anmeldename
license_key | serial | key that unlocks the software | Licence key; Product key | Lizenzschlüssel; Produktschlüssel
admin_email | email | address of the administrator | Admin e-mail; Administrator | Admin-Mail; Administrator | supplier_email
reply_address | email | address to reply to | Reply to; Answer to | Antwort an; Rückantwort an | supplier_email
map_position | coordinates | position on the map | Coordinates; GPS | Koordinaten; GPS-Position
landmark | words | what stands nearby | Landmark; Near | Orientierungspunkt; In der Nähe von
building | code | building that is meant | Building; Bldg. | Gebäude; Haus
entrance | code | door to go in by | Entrance; Use entrance | Eingang; Zugang über
key_holder | person | who has the key | Key holder; Key with | Schlüssel bei; Schlüsselträger
tenant | person | who rents the flat | Tenant; Lessee name | Mieter; Name des Mieters
landlord | person | who lets the flat | Landlord; Lessor name | Vermieter; Name des Vermieters
property_number | digits | number of the let property | Property no.; Unit no. | Objektnummer; Wohnungsnummer
land_register | reference | entry in the land register | Land register; Title no. | Grundbuch; Grundbuchblatt
patient | person | who was treated | Patient; Patient name | Patient; Name des Patienten
diagnosis_code | code | code of the diagnosis | Diagnosis code; ICD | Diagnose; ICD-Code
birth_date | date | day of birth | Date of birth; Born | Geburtsdatum; Geboren am
student_number | digits | number of the student | Student no.; Matriculation no. | Matrikelnummer; Matrikel-Nr.
course | words | what is taught | Course; Course title | Kurs; Lehrgang
event | words | what is held | Event; Event name | Veranstaltung; Anlass
seat | code | where one sits | Seat; Seat no. | Sitzplatz; Platz
ticket_class | choices:First,Second,Economy/Erste,Zweite,Economy | class of the ticket | Class; Travel class | Klasse; Wagenklasse
dog_tag | digits | number of the dog's licence | Dog licence no.; Pet ID | Hundemarke; Steuermarke
animal | choices:Horse,Cow,Dog,Cat/Pferd,Kuh,Hund,Katze | kind of animal | Animal; Species | Tier; Tierart
field_name | words | name of the field or parcel of land | Field; Plot | Schlag; Flurstück
crop | choices:Wheat,Maize,Barley,Rape/Weizen,Mais,Gerste,Raps | what grows on the field | Crop; Crop type | Kultur; Feldfrucht
allergens | choices:Nuts,Gluten,Milk,None/Nüsse,Gluten,Milch,keine | what some people cannot eat | Allergens; Contains | Allergene; Enthält
un_number | digits | number of the dangerous substance | UN no.; Hazard no. | UN-Nummer; Gefahrnummer
waste_code | digits | code of the kind of waste | Waste code; EWC | Abfallschlüssel; AVV-Nummer
disposal_site | place | where the waste goes | Disposal site; Landfill | Entsorgungsort; Deponie
weigher | person | who read the scales | Weigher; Weighmaster | Wäger; Wiegemeister
tare | number:kg | weight of the empty vehicle in kilograms | Tare; Tare weight | Tara; Leergewicht
weighing_ticket | digits | number of the ticket from the scales | Weighing ticket; Weighbridge no. | Wiegeschein; Wiegescheinnummer
concrete_class | choice:C20/25,C25/30,C30/37,C35/45 | strength class of the concrete | Concrete class; Mix | Betongüte; Betonklasse
lane | count | lane of the road | Lane; Bay | Spur; Fahrstreifen
deposit | price | money left as security | Security deposit; Rent deposit | Kaution; Mietkaution
monthly_rent | price | rent for one month | Monthly rent; Rent p.m. | Monatsmiete; Miete pro Monat
service_charge | price | costs beside the rent | Service charge; Ancillary costs | Nebenkosten; Betriebskosten
`
