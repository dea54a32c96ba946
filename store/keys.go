package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"skerry/appliance/mission"
)

// This file is the schema: every bucket, what its keys are made of and what its
// values hold. Integers in keys are big-endian so that bbolt's byte order is
// their order. run is the 16 bytes of a ULID, so runs sort by time of creation
// and a range of days is a range of keys: there is no separate index by day.
// name is a word without NUL, ended by NUL. Every value is framed and sealed
// ([tx.put]); entries of index buckets have none.
//
//	bucket          key                                value
//	meta            "schema" | "created" | "audit"     uint32 | time | auditState, JSON
//	journal         run seq:8                          observation, JSON
//	runs            run                                row: mission.Summary and what the store adds, JSON
//	index           dimension:1 name run               none
//	counts          dimension:1 name                   uint64, how many
//	text            run                                what free text search looks at, lower case
//	keys            SHA-256 of an idempotency key      run
//	decisions       id                                 mission.Decision, JSON
//	decision-index  'o' name(queue) opened:8 id        none; open decisions
//	                's' name(queue) settled:8 id       none; settled ones
//	missions        name version:4                     MissionVersion, JSON; version 0 is the draft
//	mission-sources name version:4                     the source, byte for byte
//	policies        version:4                          PolicyVersion, JSON
//	policy-sources  version:4                          the source, byte for byte
//	settings        setting                            JSON document
//	sessions        SHA-256 of the token               Session, JSON
//	links           SHA-256 of the token               Link, JSON
//	users           login                              User, JSON
//	outbox          transaction:8                      outgoing, JSON; what is still to be recorded in the audit log
//	secrets         name                               Secret and its value, JSON
//	service-keys    SHA-256 of the key                 ServiceKey, JSON
//	passkeys        SHA-256 of the credential's id     Passkey, JSON
//	proposals       number:8                           govern.Proposal, JSON
//
// journal, missions, policies, settings, sessions, links, users, secrets,
// service-keys, passkeys and proposals are primary; all others but the outbox can be rebuilt from the journal
// ([DB.Rebuild]).
type bucket string

const (
	bucketMeta           bucket = "meta"
	bucketJournal        bucket = "journal"
	bucketRuns           bucket = "runs"
	bucketIndex          bucket = "index"
	bucketCounts         bucket = "counts"
	bucketText           bucket = "text"
	bucketKeys           bucket = "keys"
	bucketDecisions      bucket = "decisions"
	bucketDecisionIndex  bucket = "decision-index"
	bucketMissions       bucket = "missions"
	bucketMissionSources bucket = "mission-sources"
	bucketPolicies       bucket = "policies"
	bucketPolicySources  bucket = "policy-sources"
	bucketSettings       bucket = "settings"
	bucketSessions       bucket = "sessions"
	bucketLinks          bucket = "links"
	bucketUsers          bucket = "users"
	bucketSecrets        bucket = "secrets"
	bucketServiceKeys    bucket = "service-keys"
	bucketPasskeys       bucket = "passkeys"
	bucketProposals      bucket = "proposals"
)

var primaryBuckets = []bucket{
	bucketMeta, bucketJournal, bucketMissions, bucketMissionSources, bucketPolicies, bucketPolicySources,
	bucketSettings, bucketSessions, bucketLinks, bucketUsers, bucketSecrets, bucketServiceKeys, bucketPasskeys, bucketProposals,
}

// derivedBuckets hold nothing that the journal does not say.
var derivedBuckets = []bucket{
	bucketRuns, bucketIndex, bucketCounts, bucketText, bucketKeys, bucketDecisions, bucketDecisionIndex,
}

// dimension is a property of runs that lists filter by, or that is counted.
type dimension byte

const (
	byState   dimension = 's'
	byMission dimension = 'm'
	byClass   dimension = 'c'
	byVerdict dimension = 'v'
	byModel   dimension = 'l'

	countQueue dimension = 'q' // open decisions by queue; counted only
	countTotal dimension = 't' // "runs", "observations"; counted only
)

const (
	totalRuns         = "runs"
	totalObservations = "observations"
)

const (
	runBytes = 16
	maxName  = 512 // bytes of a name in a key
)

// runKey is a run id as it stands in keys.
type runKey [runBytes]byte

func parseRun(id mission.RunID) (runKey, error) {
	u, err := ulid.ParseStrict(string(id))
	if err != nil || u.String() != string(id) {
		return runKey{}, fmt.Errorf("run id %q is not a ULID in its canonical form", id)
	}
	return runKey(u), nil
}

func (k runKey) id() mission.RunID { return mission.RunID(ulid.ULID(k).String()) }

func (k runKey) observation(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(k[:len(k):len(k)], seq)
}

// runFromTime returns the least run id of the millisecond that t lies in.
func runFromTime(t time.Time) runKey {
	var u ulid.ULID
	ms := t.UnixMilli()
	if ms < 0 {
		ms = 0
	}
	if err := u.SetTime(min(uint64(ms), ulid.MaxTime())); err != nil {
		return runKey{}
	}
	return runKey(u)
}

// before returns the key just below k; ok is false if there is none.
func (k runKey) before() (runKey, bool) {
	for i := len(k) - 1; i >= 0; i-- {
		k[i]--
		if k[i] != 0xff {
			return k, true
		}
	}
	return runKey{}, false
}

// checkName says why s cannot be a name in a key.
func checkName(what, s string) error {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%s %q holds a NUL character", what, s)
	case len(s) > maxName:
		return fmt.Errorf("%s is %d bytes long; at most %d are allowed", what, len(s), maxName)
	}
	return nil
}

func countKey(d dimension, name string) []byte { return append([]byte{byte(d)}, name...) }

// indexPrefix is what the keys of all runs with that name begin with.
func indexPrefix(d dimension, name string) []byte { return append(countKey(d, name), 0) }

func indexKey(d dimension, name string, run runKey) []byte {
	return append(indexPrefix(d, name), run[:]...)
}

const (
	openDecisions    byte = 'o'
	settledDecisions byte = 's'
)

func decisionPrefix(list byte, queue string) []byte {
	return append(append([]byte{list}, queue...), 0)
}

func decisionKey(list byte, queue string, at time.Time, id string) []byte {
	return append(binary.BigEndian.AppendUint64(decisionPrefix(list, queue), timeKey(at)), id...)
}

// timeKey orders times, also those before 1970, to the nanosecond.
func timeKey(t time.Time) uint64 { return uint64(t.UnixNano()) ^ 1<<63 }

func versionKey(name string, version int) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(name), 0), uint32(version))
}

func hashKey(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// maxVersion is the highest number of a version that a key can hold.
const maxVersion = 1<<31 - 1

func policyKey(version int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(version)) }

// splitVersion takes a [versionKey] apart.
func splitVersion(k []byte) (name string, version int, err error) {
	if len(k) < 5 || k[len(k)-5] != 0 {
		return "", 0, fmt.Errorf("%w: version key %x", ErrDamaged, k)
	}
	return string(k[:len(k)-5]), int(binary.BigEndian.Uint32(k[len(k)-4:])), nil
}
