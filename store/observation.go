package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"skerry/appliance/mission"
)

// maxObservation bounds one observation. Whatever is larger belongs into a blob.
const maxObservation = 16 << 20

// encodeObservation returns the sealed value of an observation.
func (db *DB) encodeObservation(key []byte, o *mission.Observation) (text, sealed []byte, err error) {
	payload, err := encodeJSON(o)
	if err != nil {
		return nil, nil, fmt.Errorf("encode observation %d (%s): %w", o.Seq, o.Kind, err)
	}
	if len(payload) > maxObservation {
		return nil, nil, fmt.Errorf("observation %d (%s) is %d bytes long; at most %d are allowed, put the rest into a blob", o.Seq, o.Kind, len(payload), maxObservation)
	}
	sealed, err = db.seal(bucketJournal, key, payload)
	return payload, sealed, err
}

// decodeObservation reads what the journal holds under key. Damage of any kind
// is an error wrapping [ErrDamaged].
func (db *DB) decodeObservation(key, sealed []byte) (mission.Observation, error) {
	var o mission.Observation
	if len(key) != runBytes+8 {
		return o, fmt.Errorf("%w: journal key of %d bytes", ErrDamaged, len(key))
	}
	payload, err := db.open(bucketJournal, key, sealed)
	if err != nil {
		return o, err
	}
	if err := json.Unmarshal(payload, &o); err != nil {
		return mission.Observation{}, fmt.Errorf("%w: observation under %x: %w", ErrDamaged, key, err)
	}
	if seq := binary.BigEndian.Uint64(key[runBytes:]); o.Seq != seq {
		return mission.Observation{}, fmt.Errorf("%w: observation %d stands in the place of %d", ErrDamaged, o.Seq, seq)
	}
	return o, nil
}
