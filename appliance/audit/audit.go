// Package audit keeps an append-only log that the appliance writes and cannot
// read back: every record is sealed to the keys of auditors, and every removal,
// change, exchange and rollback shows to whoever has seen a checkpoint. It knows
// nothing of what is recorded. [Enrol] makes a log, [Open] writes it, [Verify]
// reads it with nothing but a copy of its folder, and shares only the format
// with the writer.
//
// # The format skerry-audit/1
//
// A log is a folder: enrolment.json, the segments 00000001.seg, 00000002.seg …,
// and witness.note once a witness has cosigned. The keys of the appliance
// (signer.json, chain.json) are elsewhere and never part of it. Integers are
// big-endian; JSON is UTF-8, with binary values in standard base64, and is
// hashed and signed as the bytes that stand in the file. An unknown field of a
// JSON value is an error.
//
// Frame. A segment is a sequence of frames:
//
//	1 byte    kind: 'H' header, 'R' record, 'C' checkpoint, 'E' end
//	3 bytes   n, size of the payload, at most 2^20
//	8 bytes   sequence number: the index of the leaf in the tree of the whole log, from 0
//	n bytes   payload
//	4 bytes   CRC-32C (Castagnoli) of everything before
//
// The checksum only tells torn writes from whole ones. A segment is 'H', then
// 'R' and 'C' in any order, then 'E', then one 'C', and nothing more. The
// whole frames of a segment end before the first byte at which no frame that fits
// its checksum, the next sequence number and this order begins.
//
// Tree. Every whole frame, of whatever kind, is a leaf of an RFC 6962 Merkle
// tree over all segments: leaf = SHA-256(0x00 || frame), node = SHA-256(0x01 ||
// left || right).
//
// Header. JSON: format, suite, appliance (id), enrolment (SHA-256 of
// enrolment.json, hex), segment (number), size, root and peaks of the tree
// before this leaf (peaks: roots of its complete subtrees, largest first), prev
// (one {closed, whole, bytes, tail} for the last segment before that has a
// header, and for each that was interrupted before its header was whole: closed,
// bytes of whole frames, bytes of the file, SHA-256 of what follows the whole
// frames), chain (n of the chain key), epoch (of the store; it never falls),
// boot, wall, uptime (nanoseconds), recipients (one age file for each auditor,
// in the order of the enrolment, with the SHA-256 of the recipient's text),
// commit, pad (256).
//
// Keys. K(0) is random; enrolment.json holds it wrapped for every auditor.
// HKDF and HMAC are over SHA-256, HKDF has no salt and gives 32 bytes.
//
//	K(n+1) = HKDF(K(n), "skerry-audit/1 chain")
//	fresh  = 32 random bytes for each segment, wrapped in its header
//	ck(0)  = HKDF(fresh || K(n), "skerry-audit/1 segment")
//	commit = HMAC(ck(0), "skerry-audit/1 commit")
//	mk(i)  = HMAC(ck(i), 0x01), ck(i+1) = HMAC(ck(i), 0x02)
//
// The i-th record of the segment, from 0, is sealed with mk(i). K(n+1) is
// durable, and K(n) overwritten, before a segment with K(n) is made; a segment
// takes a higher n than the one before it, usually by one. Whoever takes the
// host over can neither read nor forge what was recorded before.
//
// Record. JSON ([Record]), filled with zero bytes to a multiple of 256, sealed
// with AES-256-GCM: nonce of 12 zero bytes (a key seals once), additional data
// = the 12 bytes of the frame before its payload || the leaf of the frame before.
//
// Checkpoint. A C2SP signed note over a C2SP checkpoint whose origin is
// "skerry-audit/" and the appliance's id, about all leaves before this frame. It
// carries two signatures under that name, whose keys are in the enrolment:
// Ed25519 (type 0x01), and ML-DSA-44 over the text (type 0xff, then
// "skerry-audit/1 ml-dsa-44" and the public key; the same string is the context
// of the signature). Both must be valid. One is written after the header, after
// 256 records, after a second, and at the end.
//
// End. JSON: records (in this segment), why.
//
// A writer never goes on with a segment that it finds: it begins the next, whose
// header accounts for every byte of the last. A segment ends after 64 MiB, 2^20
// records or an hour.
//
// testdata/vectors.json has every step of a small log.
package audit

// Names of the format and of its algorithms, as they stand in headers.
const (
	Format = "skerry-audit/1"
	Suite  = "age+hkdf-sha256+hmac-sha256-ratchet+aes-256-gcm"
)

// MinRecipients is the least number of auditors: one lost key is no lost log.
const MinRecipients = 2

// padBytes: the text of a record is filled up to a multiple of this, so that
// its length tells little.
const padBytes = 256
