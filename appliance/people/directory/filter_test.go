package directory

import (
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"
)

func TestParseFilter(t *testing.T) {
	for _, good := range []string{
		"(uid={login})",
		"(&(objectClass=person)(uid={login}))",
		"(&(objectClass=user)(sAMAccountName={login})(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
		"(member:1.2.840.113556.1.4.1941:={login})",
		"(|(uid={login})(mail={login}@example.org)" /* replaced below */ + ")",
	} {
		good = strings.Replace(good, "(mail={login}@example.org)", "(mail=nobody)", 1)
		if _, err := parseFilter(good, placeLogin); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, words := range map[string]string{
		"(uid=ada)":                             "0 times",
		"(|(uid={login})(cn={login}))":          "2 times",
		"(uid={login}":                          "is no LDAP filter",
		"(uid={login}))":                        "is no LDAP filter",
		"({login}=ada)":                         "whole value",
		"(uid={login}*)":                        "whole value",
		"(uid=*{login})":                        "whole value",
		"(uid=x{login})":                        "whole value",
		"(uid>={login})":                        "whole value",
		"(!(uid={login}))":                      "whole value",
		"(&(objectClass=*)(!(|(uid={login}))))": "whole value",
		"(uid:{login}:=ada)":                    "whole value",
		"uid={login}" + probe:                   "needs itself",
		"":                                      "0 times",
	} {
		if _, err := parseFilter(bad, placeLogin); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: got %v, want %q", bad, err, words)
		}
	}
}

// shape is the structure of a filter with its values left out: operators and
// attributes. value is called with each value.
func shape(p *ber.Packet, value func(string)) string {
	switch int(p.Tag) {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		var parts []string
		for _, c := range p.Children {
			parts = append(parts, shape(c, value))
		}
		return string(rune('0'+p.Tag)) + "(" + strings.Join(parts, " ") + ")"
	case ldap.FilterEqualityMatch:
		value(p.Children[1].Data.String())
		return "= " + p.Children[0].Data.String()
	case ldap.FilterExtensibleMatch:
		out := ":="
		for _, c := range p.Children {
			if int(c.Tag) == ldap.MatchingRuleAssertionMatchValue {
				value(c.Data.String())
				continue
			}
			out += " " + c.Data.String()
		}
		return out
	}
	return "other " + string(rune('0'+p.Tag))
}

var builders = []string{
	"(uid={login})",
	"(&(objectClass=person)(uid={login})(!(employeeType=former)))",
	"(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={login}))",
}

// sameShape says what is wrong with a filter that a value was put into by fill;
// "" if it has the structure of the one that the probe is in, and the value as
// one of its values, byte for byte.
func sameShape(f filter, fill func(string) string, value string) string {
	ignore := func(string) {}
	usual, err := ldap.CompileFilter(f.fill(probe))
	if err != nil {
		return err.Error()
	}
	text := fill(value)
	got, err := ldap.CompileFilter(text)
	if err != nil {
		return text + ": " + err.Error()
	}
	found := false
	if s := shape(got, func(v string) { found = found || v == value }); s != shape(usual, ignore) {
		return text + " has the shape " + s
	}
	if !found {
		return text + " has not the value"
	}
	return ""
}

// attacks are what people try in place of a login.
var attacks = []string{"*", "ada)(uid=*", "*)(|(uid=*", "ada)(&)", "\x00", "ada\x00", `\2a`, `\`, "(", ")", "()", "ada))(|(objectClass=*", "ä", "\xff\xfe", "a=b", "a:=b", " ada", "ada ", "\n", ""}

// TestFilterStaysOneValue: whatever is put in, the filter keeps its structure and
// has the value as it is.
func TestFilterStaysOneValue(t *testing.T) {
	for _, text := range builders {
		f, err := parseFilter(text, placeLogin)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range attacks {
			if a == "" {
				continue // an equality with nothing is refused by the compiler, and never asked
			}
			if why := sameShape(f, f.fill, a); why != "" {
				t.Errorf("%q in %s: %s", a, text, why)
			}
		}
		rapid.Check(t, func(r *rapid.T) {
			value := string(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte(`()*\&|!=:<>~ {}`)), rapid.Byte()), 1, 40).Draw(r, "value"))
			if why := sameShape(f, f.fill, value); why != "" {
				r.Fatalf("%q in %s: %s", value, text, why)
			}
		})
	}
}

// TestFilterNegativeControl: without the escape the comparison finds it.
func TestFilterNegativeControl(t *testing.T) {
	f, err := parseFilter(builders[1], placeLogin)
	if err != nil {
		t.Fatal(err)
	}
	careless := func(v string) string { return f.before + v + f.after }
	for _, a := range []string{"*", "ada)(uid=*", "*)(|(uid=*", `\2a`} {
		if sameShape(f, careless, a) == "" {
			t.Errorf("%q without an escape looks all right", a)
		}
	}
	if why := sameShape(f, careless, "ada"); why != "" {
		t.Errorf("a harmless login: %s", why)
	}
}

// FuzzFilter looks for a value that gets out of its place.
func FuzzFilter(f *testing.F) {
	for _, a := range attacks {
		for i := range builders {
			f.Add(i, a)
		}
	}
	f.Fuzz(func(t *testing.T, which int, value string) {
		if value == "" || which < 0 || which >= len(builders) {
			t.Skip()
		}
		one, err := parseFilter(builders[which], placeLogin)
		if err != nil {
			t.Fatal(err)
		}
		if why := sameShape(one, one.fill, value); why != "" {
			t.Errorf("%q: %s", value, why)
		}
	})
}

// FuzzParseFilter: whatever a site writes, a filter that is taken keeps every
// value in its place.
func FuzzParseFilter(f *testing.F) {
	for _, b := range append(builders, "(!(uid={login}))", "(uid={login}*)", "({login}=*)", `(uid=\{login})`, "(a:dn:2.5.13.5:={login})") {
		f.Add(b, "ada)(uid=*")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		one, err := parseFilter(text, placeLogin)
		if err != nil || value == "" {
			t.Skip()
		}
		if why := sameShape(one, one.fill, value); why != "" {
			t.Errorf("%q in %q: %s", value, text, why)
		}
	})
}
