package grammar

import (
	"maps"
	"slices"
	"strings"
)

// Parts of dates. February has 29 days in years that 4 divides, unless 100
// does and 400 does not.
const (
	leapYear = `(([0-9]{2}(0[48]|[2468][048]|[13579][26]))|(([02468][048]|[13579][26])00))`
	fullDate = `([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|` + leapYear + `-02-29)`
	// No leap seconds: whether one is valid depends on the time zone.
	fullTime = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
	label    = `[A-Za-z0-9]([A-Za-z0-9-]{0,59}[A-Za-z0-9])?`
	octet    = `(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	ipv4     = octet + `(\.` + octet + `){3}`
)

// formats are the formats of JSON Schema (draft 2020-12, validation, section
// 7.3) that can be written, as regular expressions. Where a format allows more
// than people use (comments in mail addresses, say) this is the common part.
var formats = map[string]string{
	"date":      fullDate,
	"time":      fullTime,
	"date-time": fullDate + `T` + fullTime,
	"email":     `[A-Za-z0-9_+-]{1,30}(\.[A-Za-z0-9_+-]{1,30})?@(` + label + `\.){1,2}[A-Za-z]{2,24}`,
	"hostname":  `(` + label + `\.){0,3}` + label,
	"ipv4":      ipv4,
	"ipv6":      `([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,6}(:[0-9a-f]{1,4})|([0-9a-f]{1,4}:){1,7}:|::([0-9a-f]{1,4}:){0,5}[0-9a-f]{1,4}|::`,
	"uuid":      `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
	"uri":       `(https?|ftp)://(` + label + `\.){0,3}` + label + `(:[0-9]{1,4})?(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)*(\?([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?(#([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-F]{2})*)?`,
}

func formatNames() string { return strings.Join(slices.Sorted(maps.Keys(formats)), ", ") }
