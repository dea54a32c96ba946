package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// ErrOtherLog: the audit log that belongs to the store is gone, or is another.
var ErrOtherLog = errors.New("the audit log is not the one that belongs to this store")

// Audit says which audit log a store records to.
type Audit struct {
	Log  string                              // names the log; empty = the site has none
	Open func(epoch uint64) (Auditor, error) // opens it; called once, before anything is read or written
}

// auditState is what the store remembers of its audit log, so that neither can
// be taken away, exchanged or set back without the other.
type auditState struct {
	// Epoch counts how often the store was opened to be written. It is durable
	// here before the log hears of it: a store whose epoch is behind its log's
	// was set back to an earlier day.
	Epoch uint64 `json:"epoch"`
	Log   string `json:"log"`
}

// keyAudit is where the state is kept in bucketMeta.
var keyAudit = []byte("audit")

// openAudit begins an epoch and opens the log.
func (db *DB) openAudit(a *Audit) error {
	if a == nil {
		return nil
	}
	fail := func(err error) error { return fmt.Errorf("open store %s: %w", db.dir, err) }
	var s auditState
	err := db.bolt.View(func(b *bolt.Tx) (err error) {
		_, err = (&tx{Tx: b, db: db}).getJSON(bucketMeta, keyAudit, &s)
		return err
	})
	switch {
	case err != nil:
		return fail(err)
	case s.Log != "" && a.Log == "":
		return fail(fmt.Errorf("%w: there is none, and it recorded to %s; put the folders audit and audit-keys back", ErrOtherLog, s.Log))
	case s.Log != "" && s.Log != a.Log:
		return fail(fmt.Errorf("%w: there is %s, and it recorded to %s; put the folders audit and audit-keys back that belong to it", ErrOtherLog, a.Log, s.Log))
	case a.Log == "":
		return nil
	}
	s.Epoch, s.Log = s.Epoch+1, a.Log
	err = db.bolt.Update(func(b *bolt.Tx) error { return (&tx{Tx: b, db: db}).putJSON(bucketMeta, keyAudit, s) })
	if err != nil {
		return fail(fmt.Errorf("begin epoch %d: %w", s.Epoch, err))
	}
	db.auditor, err = a.Open(s.Epoch)
	return err
}
