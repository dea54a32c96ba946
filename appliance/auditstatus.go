package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// auditStatus says how the log stands.
func (a *Appliance) auditStatus(context.Context) (api.AuditStatus, error) {
	s := api.AuditStatus{Space: a.space.status(), Auditors: []api.AuditorInfo{}}
	if a.audit == nil {
		return s, nil
	}
	e, now := a.audit.Enrolment(), a.audit.Status()
	s.Kept, s.Log, s.Since, s.Fingerprint = true, e.Origin(), e.At, e.Fingerprint()
	for _, r := range e.Recipients {
		s.Auditors = append(s.Auditors, api.AuditorInfo{Fingerprint: audit.RecipientFingerprint(r), Kind: kindOfRecipient(r)})
	}
	s.Segment, s.Entries, s.Records, s.Written = now.Segment, now.Size, now.Records, now.At
	s.Signed, s.SignedAt = now.Signed, now.SignedAt
	c, at, err := audit.Witnessed(filepath.Join(a.Config.Data, AuditDir))
	switch {
	case err == nil:
		s.Witnessed, s.WitnessedAt = c.Size, at
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	s.Unwitnessed = now.Size - min(s.Witnessed, now.Size)
	s.Overdue = len(a.unwitnessed()) > 0
	return s, nil
}

// kindOfRecipient tells keys apart by the prefixes of age's formats.
func kindOfRecipient(r string) string {
	switch {
	case strings.HasPrefix(r, "age1pq1"):
		return "hybrid"
	case strings.HasPrefix(r, "age1") && !strings.HasPrefix(r, "age1tag"):
		return "x25519"
	}
	return "other"
}

// auditNotices says what everyone should know about the audit log.
func (a *Appliance) auditNotices() []api.Notice {
	if a.audit == nil {
		return []api.Notice{{Code: "no-audit-log", Text: mission.Text{
			"en": "This site has no auditors, so there is no audit log. It is for evaluation: make a site with skerry init --auditor before real work.",
			"de": "Diese Instanz hat keine Prüfer und führt daher kein Prüfprotokoll. Sie dient der Erprobung: Legen Sie vor echter Arbeit eine Instanz mit skerry init --auditor an.",
		}}}
	}
	return a.unwitnessed()
}

// witnessEvery is how often a witness should come by: weekly, as sites that
// are not connected have to move their records off (SRG-OS-000479).
const witnessEvery = 7 * 24 * time.Hour

// unwitnessed says since when nobody has looked at the log. Until then its end
// could be cut off by whoever owns the host.
func (a *Appliance) unwitnessed() []api.Notice {
	since, size := a.audit.Enrolment().At, uint64(0)
	switch c, at, err := audit.Witnessed(filepath.Join(a.Config.Data, AuditDir)); {
	case err == nil:
		since, size = at, c.Size
	case !errors.Is(err, fs.ErrNotExist):
		a.Log.Warn("the witnessed checkpoint", "error", err)
	}
	if time.Since(since) < witnessEvery {
		return nil
	}
	entries := a.audit.Status().Size - size
	return []api.Notice{{Code: "audit-unwitnessed", Text: mission.Text{
		"en": fmt.Sprintf("No witness has signed the audit log since %s: %d entries. An auditor signs it with skerry audit cosign.", since.Format(time.DateOnly), entries),
		"de": fmt.Sprintf("Das Prüfprotokoll wurde seit dem %s von niemandem gegengezeichnet: %d Einträge. Prüfer zeichnen es mit skerry audit cosign.", since.Format("02.01.2006"), entries),
	}}}
}
