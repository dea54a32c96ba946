package audit

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// header opens a segment. It stands in clear, so that whoever has no key can
// check that segments belong together.
type header struct {
	Format    string `json:"format"`
	Suite     string `json:"suite"`
	Appliance string `json:"appliance"`
	Enrolment string `json:"enrolment"` // its fingerprint
	Segment   uint64 `json:"segment"`   // 1, 2, 3 …

	Size  uint64      `json:"size"`  // leaves before this header
	Root  tlog.Hash   `json:"root"`  // over them
	Peaks []tlog.Hash `json:"peaks"` // roots of their complete subtrees, largest first
	Prev  []previous  `json:"prev"`  // the last segment with a header and those without that follow it; empty in the first segment

	Chain      uint64    `json:"chain"` // n of the K(n) that the segment's key is made with
	Epoch      uint64    `json:"epoch"` // of the store
	Boot       string    `json:"boot"`  // id of the kernel's boot
	Wall       time.Time `json:"wall"`
	Uptime     int64     `json:"uptime"` // nanoseconds since boot, sleep included
	Recipients []Wrapped `json:"recipients"`
	Commit     []byte    `json:"commit"` // to the segment's key
	Pad        int       `json:"pad"`    // records are filled up to a multiple of this
}

// previous says how the writer found the segment before: what follows an
// interrupted one accounts for its every byte.
type previous struct {
	Closed bool   `json:"closed"`
	Whole  int64  `json:"whole"` // bytes of whole frames
	Bytes  int64  `json:"bytes"` // of the file
	Tail   string `json:"tail"`  // SHA-256 of what follows the whole frames, hex; empty if nothing does
}

// end closes a segment.
type end struct {
	Records uint64 `json:"records"` // sealed in this segment
	Why     string `json:"why"`     // "full", "age", "stop"
}

func parseHeader(payload []byte) (header, error) {
	var h header
	if err := strictJSON(payload, &h); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	f := frontier{h.Size, h.Peaks}
	switch {
	case h.Format != Format:
		return h, fmt.Errorf("header: the format is %q; this program knows %q", h.Format, Format)
	case h.Suite != Suite:
		return h, fmt.Errorf("header: the suite is %q; this program knows %q", h.Suite, Suite)
	case h.Pad != padBytes:
		return h, fmt.Errorf("header: records are padded to %d bytes; this format pads to %d", h.Pad, padBytes)
	case h.Segment == 0:
		return h, fmt.Errorf("header: segments are numbered from 1")
	case (len(h.Prev) == 0) != (h.Segment == 1):
		return h, fmt.Errorf("header: only the first segment has none before it")
	case len(h.Recipients) < MinRecipients:
		return h, fmt.Errorf("header: the key is wrapped for %d auditors, fewer than %d", len(h.Recipients), MinRecipients)
	}
	if err := f.valid(); err != nil {
		return h, fmt.Errorf("header: %w", err)
	}
	if f.root() != h.Root {
		return h, fmt.Errorf("header: its root is not that of its subtrees")
	}
	for _, p := range h.Prev {
		sum, err := hex.DecodeString(p.Tail)
		if err != nil || (p.Bytes == p.Whole) != (len(sum) == 0) || p.Whole > p.Bytes || p.Whole < 0 {
			return h, fmt.Errorf("header: what it says of the segment before makes no sense")
		}
	}
	return h, nil
}

// marshal encodes what cannot fail to be encoded.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func segmentName(n uint64) string { return fmt.Sprintf("%08d%s", n, segmentExt) }

var segmentPattern = regexp.MustCompile(`^[0-9]{8}\.seg$`)

// segments returns the numbers of the segments in dir in order.
func segments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, e := range entries {
		if !segmentPattern.MatchString(e.Name()) {
			continue
		}
		n, err := strconv.ParseUint(e.Name()[:8], 10, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list, nil
}

func segmentPath(dir string, n uint64) string { return filepath.Join(dir, segmentName(n)) }

// bootID returns the id of this boot, empty where the kernel does not tell.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// uptime returns the time since boot, 0 where the kernel does not tell.
func uptime() time.Duration {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	s, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}
