package paper

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// stems name companies, streets and people. One in eight (see heldStem) names
// companies in the test splits only.
var stems = strings.Fields(`Alder Amber Anchor Apex Arbor Arden Argo Ash Aspen Atlas Aurora Avon Baker Baltic Banner Barrow Beacon Becker Bell Bergmann Birch Blake Blue Bolt Bonn Bradley Brandt Bremer Bridge Bright Brook Brunner Cairn Calder Canyon Carbon Cedar Central Chalk Citadel Clark Clear Cliff Cobalt Colson Compass Copper Coral Corvin Crane Crest Crown Dahl Dalton Danube Delta Denver Dietrich Dover Drake Dubois Duval Eagle Eastern Eckert Elbe Elm Ember Emerson Engel Everest Falcon Farrow Faure Fischer Fleet Forge Forster Fox Franklin Frey Fuchs Gale Garnier Garrison Gibson Glacier Golden Graf Granite Green Grove Haas Halden Hamilton Harbor Hartmann Haven Hawk Hazel Heath Heron Hill Hofmann Holm Horizon Hudson Huber Indigo Iron Island Ivory Jansen Jensen Juniper Kaiser Keller Kestrel Kingston Klein Koch Kraft Krause Kruger Lambert Lange Lark Laurent Lehmann Leon Lind Linden Lorenz Lotus Lunar Luther Maier Maple Marchand Marin Marsh Martin Mason Mayer Meridian Metro Mill Moreau Morgan Moss Nash Neumann Nielsen Nord North Nova Oak Ocean Olsen Omega Onyx Orion Otto Pacific Palm Park Pearl Peters Phoenix Pine Pioneer Polar Porter Prime Quartz Quest Rapid Raven Red Reed Renard Richter Ridge River Robin Roth Rousseau Royal Ruby Sable Sage Sander Sauer Schmidt Schneider Schulz Scott Seidel Shore Sierra Silver Simon Sky Solar Sommer Spark Spring Star Steiner Stern Stone Storm Summit Sun Swan Swift Tanner Terra Thiel Thorn Tiger Timber Titan Tower Trent Tulip Union Urban Vale Vega Vernon Vogel Wagner Walker Weber Wells Werner West White Willow Winkler Winter Wolf Wood York Zander Ziegler Zimmer`)

var sectors = map[string][]string{
	"en": strings.Fields("Logistics Systems Consulting Electric Foods Steel Tools Trading Services Solutions Supplies Engineering Print Media Software Chemicals Packaging Plastics Textiles Furniture Motors Medical Energy Freight Security Cleaning Labs Industries Partners Works Paper Machinery Office Networks Catering"),
	"de": strings.Fields("Logistik Systeme Beratung Elektro Handel Stahl Werkzeuge Technik Maschinenbau Druck Medien Software Chemie Verpackung Kunststoff Textil Bau Transporte Energie Reinigung Bürobedarf Metallbau Gastro Holzbau Gebäudetechnik"),
	"fr": strings.Fields("Logistique Conseil Distribution Transports Services Industrie Énergie Imprimerie Emballage Matériaux Électricité Technologies Mobilier Nettoyage Mécanique Papeterie Bâtiment"),
}

// legalForms end a company name.
var legalForms = map[string][]string{
	"en": {"Ltd", "Ltd.", "LLC", "Inc.", "Inc", "Limited", "plc", "Corp.", "Group", "Co.", "LLP", "B.V.", "Pty Ltd", "Holdings"},
	"de": {"GmbH", "AG", "GmbH & Co. KG", "KG", "e.K.", "UG", "OHG", "mbH", "SE"},
	"fr": {"SARL", "SA", "SAS", "S.A.", "EURL", "SASU", "et Fils"},
}

var streets = map[string][]string{
	"en": {"Street", "Road", "Avenue", "Lane", "Drive", "Way", "Blvd", "Close"},
	"de": {"straße", "weg", "allee", "gasse", "platz"},
	"fr": {"rue de", "avenue", "boulevard", "place"},
}

// cities may carry the state after a comma.
var cities = map[string][]string{
	"en": {"London", "Leeds", "Bristol", "Austin, TX", "Boston, MA", "Dublin", "Glasgow", "Denver, CO", "Toronto", "Sydney", "Cardiff", "Portland, OR", "Norwich", "Albany, NY", "Leicester", "Tampa, FL", "Cork", "Swansea", "Reading", "Tulsa, OK"},
	"de": {"Berlin", "München", "Hamburg", "Köln", "Wien", "Zürich", "Leipzig", "Bremen", "Kassel", "Ulm", "Graz", "Basel", "Essen", "Mainz", "Rostock", "Linz", "Bern", "Augsburg", "Jena", "Bielefeld"},
	"fr": {"Paris", "Lyon", "Lille", "Nantes", "Genève", "Bordeaux", "Metz", "Nice", "Liège"},
}

var firstNames = map[string][]string{
	"en": strings.Fields("James Mary Oliver Emma Jack Sophie Harry Grace George Alice Thomas Ruth Daniel Laura Samuel Helen Peter Nora Adam Claire Simon Julia Mark Diane Kevin Paula"),
	"de": strings.Fields("Jan Anna Lukas Marie Felix Julia Tim Katrin Jonas Sabine Stefan Petra Markus Nadine Thomas Heike Uwe Birgit Florian Lena Bernd Ute Jürgen Monika"),
	"fr": strings.Fields("Jean Marie Luc Claire Paul Sophie Marc Julie Pierre Camille"),
}

type company struct {
	name, street, postcode, city string
	country                      string // ISO 3166 code that VAT id and account number begin with
	email, phone, web            string
	vat, iban, bic               string
}

// place is the last line of the address, with the city as it stands there.
func (c company) place(lang string) line {
	if lang == "en" {
		city, state, ok := strings.Cut(c.city, ", ")
		if ok {
			return line{{text: city, keep: true}, {text: ", " + state + " " + c.postcode}}
		}
		return line{{text: c.city, keep: true}, {text: " " + c.postcode}}
	}
	return line{{text: c.postcode + " "}, {text: c.city, keep: true}}
}

// cityName is the city without the state.
func (c company) cityName() string { name, _, _ := strings.Cut(c.city, ", "); return name }

// heldStem says that companies of this stem occur in test splits only.
func heldStem(s string) bool { return hash(s)%8 == 0 }

func stem(r *rand.Rand, held bool) string {
	for {
		s := pick(r, stems)
		if !chance(r, .45) {
			s = invent(r)
		}
		if heldStem(s) == held {
			return s
		}
	}
}

func person(r *rand.Rand, lang string) string {
	return pick(r, firstNames[lang]) + " " + pick(r, stems)
}

// newCompany makes a company whose address is written in lang.
func newCompany(r *rand.Rand, lang string, held bool) company {
	main := stem(r, held)
	c := company{name: companyName(r, main, lang, held)}
	number := fmt.Sprint(between(r, 1, 180))
	street := pick(r, stems)
	c.city = pick(r, cities[lang])
	c.postcode = digits(r, 5)
	switch lang {
	case "de":
		c.street = street + pick(r, streets[lang]) + " " + number
	case "fr":
		c.street = number + " " + pick(r, streets[lang]) + " " + street
	default:
		c.street = number + " " + street + " " + pick(r, streets[lang])
		if !strings.Contains(c.city, ",") && chance(r, .7) {
			c.postcode = letters(r, 2) + digits(r, 1) + " " + digits(r, 1) + letters(r, 2)
		}
	}
	host := slug(main)
	if host == "" {
		host = "firma"
	}
	host += pick(r, []string{"", "", "-group", "online"}) + pick(r, []string{".com", ".de", ".eu", ".co.uk", ".fr", ".net"})
	c.email = pick(r, []string{"billing", "accounts", "info", "invoice", "office", "ar", "kontakt", "rechnung", "sales"}) + "@" + host
	c.web = "www." + host
	c.phone = pick(r, []string{"+49 ", "+44 ", "+1 ", "+33 ", "0", "+41 "}) + digits(r, between(r, 2, 4)) + pick(r, []string{" ", "-", "/"}) + digits(r, between(r, 5, 8))
	c.country = pick(r, map[string][]string{"en": {"GB", "IE", "GB", "NL"}, "de": {"DE", "AT", "CH", "DE"}, "fr": {"FR", "BE", "FR"}}[lang])
	c.vat = vatID(r, c.country)
	c.iban = accountNumber(r, c.country)
	c.bic = letters(r, 4) + c.country + letters(r, 1) + digits(r, 1) + pick(r, []string{"", "XXX", letters(r, 3)})
	return c
}

func companyName(r *rand.Rand, main, lang string, held bool) string {
	if chance(r, .12) {
		lang = pick(r, []string{"en", "de", "fr"})
	}
	sector, form := pick(r, sectors[lang]), pick(r, legalForms[lang])
	name := main + " " + sector + " " + form
	switch r.IntN(12) {
	case 4, 5:
		name = main + " " + form
	case 6:
		name = main + " & " + stem(r, held) + " " + form
	case 7:
		name = main + " " + sector
	case 8:
		name = main + "-" + stem(r, held) + " " + form
	case 9:
		name = letters(r, between(r, 2, 4)) + " " + sector + " " + form
	case 10:
		name = main + strings.ToLower(stem(r, held)) + " " + sector
	case 11:
		name = main + " " + sector + " " + stem(r, held) + " " + form
	}
	if chance(r, .08) {
		name = strings.ToUpper(name)
	}
	return name
}
