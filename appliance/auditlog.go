package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/store"
)

// Folders of the audit log in the data directory. Auditors copy the first; the
// second holds the appliance's keys for it, and no copy of it leaves the host.
const (
	AuditDir    = "audit"
	auditKeyDir = "audit-keys"
)

// auditOf returns the audit log of a site as its store opens it. opened is
// called with the log, which whoever opens the store closes after it. A site
// that was made without auditors has none. Half a log is an error: it is not
// written over.
func auditOf(data string, opened func(*audit.Log)) (*store.Audit, error) {
	dir, keys := filepath.Join(data, AuditDir), filepath.Join(data, auditKeyDir)
	e, err := audit.LoadEnrolment(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, d := range []string{dir, keys} {
			if entries, err := os.ReadDir(d); err == nil && len(entries) > 0 {
				return nil, fmt.Errorf("%s holds part of an audit log, but there is no enrolment in %s; put it back", d, dir)
			}
		}
		return &store.Audit{}, nil
	case err != nil:
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return &store.Audit{Log: e.Fingerprint(), Open: func(epoch uint64) (store.Auditor, error) {
		l, err := audit.Open(audit.Options{Dir: dir, KeyDir: keys, Epoch: epoch})
		if err != nil {
			return nil, err
		}
		opened(l)
		return l, nil
	}}, nil
}

// openRecorded opens the store of a data directory together with its audit log,
// nil if the site has none. Whoever calls it closes the store first.
func openRecorded(data string, o store.Options) (db *store.DB, log *audit.Log, err error) {
	if o.Audit, err = auditOf(data, func(l *audit.Log) { log = l }); err != nil {
		return nil, nil, err
	}
	if db, err = store.Open(filepath.Join(data, storeDir), o); err != nil && log != nil {
		err = errors.Join(err, log.Close())
	}
	return db, log, err
}

// record writes what the appliance says of itself, if there is a log.
func (a *Appliance) record(r audit.Record) error {
	if a.audit == nil {
		return nil
	}
	return a.audit.Append(context.Background(), r)
}

// auditTimeout is how long an answer waits for its record.
const auditTimeout = 10 * time.Second

// event records what the API says, before anyone learns of it.
func (a *Appliance) event(ctx context.Context, e api.Event) error {
	if a.audit == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, auditTimeout)
	defer done()
	return a.audit.Append(ctx, audit.Record{
		Action: "api." + e.Operation, Object: e.Path, Outcome: e.Outcome, Why: e.Why,
		Actor: e.Actor, ActorName: e.ActorName, Session: e.Session, Source: e.Source,
	})
}

// watchAudit ends the service when something can no longer be recorded.
func (a *Appliance) watchAudit(ctx context.Context, cancel context.CancelCauseFunc) {
	if a.audit == nil {
		return
	}
	select {
	case <-a.audit.Failed():
		a.Log.Error("the appliance stops, because nothing can be recorded", "error", a.audit.Err())
		cancel(a.audit.Err())
	case <-ctx.Done():
	}
}

// enrol makes the audit log of a new site, or finds the one of an Init that was
// interrupted; nil if there are no auditors.
func enrol(data string, auditors []string) (*audit.Enrolment, error) {
	dir := filepath.Join(data, AuditDir)
	found, err := audit.LoadEnrolment(dir)
	switch {
	case err == nil && !slices.Equal(found.Recipients, auditors):
		return nil, fmt.Errorf("%s was made for other auditors by an init that was interrupted; name the same, or empty the directory", dir)
	case errors.Is(err, fs.ErrNotExist) && len(auditors) == 0:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return audit.Enrol(dir, filepath.Join(data, auditKeyDir), auditors, time.Now())
	}
	return found, err
}
