// Package vault holds the keys of a site and encrypts what the store keeps. It
// implements the store's Sealer. It decides who can open it, but not who may
// ask: that is policy's. Start with [Create], [Inspect], [Unwrap] and [Open].
//
// # Keys
//
//	identity of an admin      an age identity: a file, a hardware key, or made
//	      │ age               from a passphrase. Never in the data directory
//	root key                  32 random bytes; in memory only, while unsealed
//	      │ AES-256-GCM
//	keyring                   data keys by version, and the list of admins
//	      │ HKDF-SHA-256
//	key of a bucket           one for every version and bucket
//	      │ AES-256-GCM
//	value
//
// Any one admin can open the vault. The root key and the data keys lie in one
// page of memory that is neither swapped nor dumped; the keys of buckets are
// in the ordinary memory of the process, as the schedules of the cipher. That
// shortens the exposure of keys; it does not protect against somebody who can
// read the memory of the running process.
//
// # Files
//
// The directory of a vault holds:
//
//	keyring                      see below
//	recipients/NAME.ROOT.age     the root key, an age file to the recipient of
//	                             one admin; ROOT is the id of the root key, hex
//	recipients/NAME.identity.age only of an admin with a passphrase: an age
//	                             file to that passphrase (scrypt) whose content
//	                             is the text of the admin's age identity
//
// NAME is 1 to 32 lower-case letters, digits and dashes. Files of another ROOT
// than the keyring's are what an interrupted change has left; they are removed
// when the vault is opened. Every file is replaced by writing a new one, fsync,
// rename and fsync of the directory; the keyring is always the last, and the
// change has happened when it is there.
//
// # Layouts
//
// Numbers are unsigned and big-endian; "text" is written without a length.
// HKDF is RFC 5869 with SHA-256, output 32 bytes. AES-256-GCM has a random
// nonce of 12 bytes and a tag of 16.
//
// Content of recipients/NAME.ROOT.age, 74 bytes:
//
//	"skerry root key 1\n"  18
//	vault                  16  id of the vault, random
//	root                    8  id of the root key, random
//	key                    32
//
// The keyring:
//
//	"skerry keyring 1\n"   17
//	vault                  16
//	root                    8  id of the root key that opens it
//	serial                  8  from 1, one more with every keyring
//	nonce                  12
//	sealed                     body and tag, AES-256-GCM under
//	                           HKDF(root key, salt = vault, info = "skerry keyring");
//	                           additional data: the 49 bytes before the nonce
//
// Its body:
//
//	count                   2  1 to 64 data keys, by version, strictly ascending;
//	                           the last is the one that seals
//	  version               4  from 1
//	  made                  8  seconds since 1970
//	  used                  8  upper bound of the values that were sealed with it
//	  key                  32
//	count                   2  1 to 64 admins
//	  kind                  1  1 recipient, 2 passphrase, 3 key file
//	  added                 8  seconds since 1970
//	  length, name          1+n
//	  length, recipient     2+n  as age writes it
//
// A value, plain of any length:
//
//	2                       1  format; 1 is what the store writes unsealed
//	version                 4  of the data key
//	nonce                  12
//	sealed                     plain and tag, AES-256-GCM under
//	                           HKDF(data key, salt = vault, info = "skerry bucket " bucket);
//	                           additional data: the 5 bytes before the nonce,
//	                           length of bucket:1, bucket, key
//
// so that a value opens only in its bucket, under its key, in its vault. The
// chunks of a blob are values of the bucket "blobs" whose keys name the file's
// salt, the number of the chunk and whether it is the last.
//
// testdata/vectors.json holds an example of each.
//
// # Limits
//
// A data key seals at most 2^31 values, which bounds the chance that a nonce
// is random twice to 2^-35 per bucket; then, and after a year, a new version
// begins by itself. Keys of the database are not sealed: names of missions,
// models, queues, states, classes and settings, the ids and times of runs, and
// sizes can be seen on the disk; the name of a blob is the SHA-256 of its
// content, by which whoever has a document sees that it is there. An older value of the same row, put back
// while its data key is in the ring, opens: that it is old can be shown by the
// audit log and by the check against the journal, not by the vault.
package vault
