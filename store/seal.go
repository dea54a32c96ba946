package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"

	"skerry/appliance/audit"
)

// Sealer encrypts what is stored and decrypts what is read. The bucket and key
// are bound to the value, so that a value moved elsewhere does not open.
// Implementations must be safe for concurrent use, must not keep or change
// plain, and may return it as it is.
type Sealer interface {
	Seal(bucket, key string, plain []byte) ([]byte, error)
	Open(bucket, key string, sealed []byte) ([]byte, error)
}

// Plain stores values as they are.
var Plain Sealer = plain{}

type plain struct{}

func (plain) Seal(_, _ string, b []byte) ([]byte, error) { return b, nil }
func (plain) Open(_, _ string, b []byte) ([]byte, error) { return b, nil }

// frameVersion is the first byte of every value, inside the seal. A value of
// version 1 is: version:1, CRC-32C of key and payload:4, payload.
const (
	frameVersion = 1
	frameHeader  = 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(key, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, payload)
}

// frame puts version and checksum before payload.
func frame(key, payload []byte) []byte {
	b := make([]byte, frameHeader, frameHeader+len(payload))
	b[0] = frameVersion
	binary.BigEndian.PutUint32(b[1:], checksum(key, payload))
	return append(b, payload...)
}

// unframe returns the payload of a value that was stored under key. It aliases
// b. Any change to the bytes or the place of a value is an error.
func unframe(key, b []byte) ([]byte, error) {
	switch {
	case len(b) < frameHeader:
		return nil, fmt.Errorf("%w: value of %d bytes is cut short", ErrDamaged, len(b))
	case b[0] != frameVersion:
		return nil, fmt.Errorf("%w: value has format %d, this version reads %d", ErrDamaged, b[0], frameVersion)
	case binary.BigEndian.Uint32(b[1:]) != checksum(key, b[frameHeader:]):
		return nil, fmt.Errorf("%w: checksum of the value does not match", ErrDamaged)
	}
	return b[frameHeader:], nil
}

// fillPercent is how full bbolt leaves a page that it splits. Keys mostly come in
// the order of time, so little is inserted into the older half.
const fillPercent = 0.9

// tx is a transaction whose values pass the seal.
type tx struct {
	*bolt.Tx
	db      *DB
	dirty   bool     // the current write has changed something
	changed []runKey // runs that the current write appended to

	records  []audit.Record // what the current write has to record
	appended outgoingAppend // where the journal has it, if it is an append
}

func (t *tx) bucket(b bucket) *bolt.Bucket {
	if found := t.Bucket([]byte(b)); found != nil {
		found.FillPercent = fillPercent
		return found
	}
	panic(fmt.Sprintf("bucket %s is missing", b)) // as bbolt does; view and the committer turn it into an error
}

// get returns the value under key, nil if there is none. It is valid until the
// transaction ends.
func (t *tx) get(b bucket, key []byte) ([]byte, error) {
	sealed := t.bucket(b).Get(key)
	if sealed == nil {
		return nil, nil
	}
	return t.db.open(b, key, sealed)
}

func (t *tx) put(b bucket, key, payload []byte) error {
	sealed, err := t.db.seal(b, key, payload)
	if err != nil {
		return err
	}
	return t.putSealed(b, key, sealed)
}

func (t *tx) putSealed(b bucket, key, sealed []byte) error {
	t.dirty = true
	if err := t.bucket(b).Put(key, sealed); err != nil {
		return fmt.Errorf("put into %s: %w", b, err)
	}
	return nil
}

func (t *tx) delete(b bucket, key []byte) error {
	t.dirty = true
	if err := t.bucket(b).Delete(key); err != nil {
		return fmt.Errorf("delete from %s: %w", b, err)
	}
	return nil
}

// getJSON reads the value under key into v and reports whether there is one.
func (t *tx) getJSON(b bucket, key []byte, v any) (bool, error) {
	payload, err := t.get(b, key)
	if err != nil || payload == nil {
		return false, err
	}
	if err := json.Unmarshal(payload, v); err != nil {
		return false, fmt.Errorf("%w: value in %s: %w", ErrDamaged, b, err)
	}
	return true, nil
}

func (t *tx) putJSON(b bucket, key []byte, v any) error {
	payload, err := encodeJSON(v)
	if err != nil {
		return err
	}
	return t.put(b, key, payload)
}

func (db *DB) seal(b bucket, key, payload []byte) ([]byte, error) {
	sealed, err := db.sealer.Seal(string(b), string(key), frame(key, payload))
	if err != nil {
		return nil, fmt.Errorf("seal value for %s: %w", b, err)
	}
	return sealed, nil
}

func (db *DB) open(b bucket, key, sealed []byte) ([]byte, error) {
	framed, err := db.sealer.Open(string(b), string(key), sealed)
	if err != nil {
		return nil, fmt.Errorf("open sealed value in %s: %w", b, err)
	}
	payload, err := unframe(key, framed)
	if err != nil {
		return nil, fmt.Errorf("value in %s under %x: %w", b, key, err)
	}
	return payload, nil
}

// encodeJSON is json.Marshal without the escaping meant for HTML, which would
// change raw JSON that somebody took a digest of.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
