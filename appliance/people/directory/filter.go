package directory

import (
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Places in filters that a value is put into.
const (
	placeLogin = "{login}"
	placeDN    = "{dn}"
)

// filter is a search filter with one place for a value.
type filter struct{ before, after string }

// probe stands for a value when a filter is looked at; it needs no escape.
const probe = "skerry0probe0value"

// parseFilter reads a filter that has its place once, as the whole value of a
// comparison for equality or by a matching rule, and not under a negation:
// elsewhere a value could choose what is compared, or fit more than one entry.
func parseFilter(text, place string) (filter, error) {
	if n := strings.Count(text, place); n != 1 {
		return filter{}, fmt.Errorf("%s has %s %d times, needs it once", text, place, n)
	}
	if strings.Contains(text, probe) {
		return filter{}, fmt.Errorf("%s holds a word that Skerry needs itself", text)
	}
	before, after, _ := strings.Cut(text, place)
	f := filter{before, after}
	root, err := ldap.CompileFilter(f.fill(probe))
	if err != nil {
		return filter{}, fmt.Errorf("%s is no LDAP filter: %w", text, err)
	}
	if !holds(root, probe) {
		return filter{}, fmt.Errorf("%s: %s has to be the whole value of a comparison with = or :=, under no negation", text, place)
	}
	return f, nil
}

// fill puts a value in. Whatever it holds, it stays one value.
func (f filter) fill(value string) string { return f.before + ldap.EscapeFilter(value) + f.after }

// holds reports whether a comparison in the filter has exactly the value, under
// no negation.
func holds(p *ber.Packet, value string) bool {
	switch int(p.Tag) {
	case ldap.FilterAnd, ldap.FilterOr:
		for _, c := range p.Children {
			if holds(c, value) {
				return true
			}
		}
	case ldap.FilterEqualityMatch:
		return len(p.Children) == 2 && p.Children[1].Data.String() == value
	case ldap.FilterExtensibleMatch:
		for _, c := range p.Children {
			if int(c.Tag) == ldap.MatchingRuleAssertionMatchValue && c.Data.String() == value {
				return true
			}
		}
	}
	return false
}
