package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/catalogue"
	"skerry/appliance/mission"
)

// Room on the disk of the data directory. A large disk is low on room at a
// fixed size, a small one at a share of it.
const (
	lowBytes      = 1 << 30   // from here on people are told
	readOnlyBytes = 256 << 20 // from here on nothing new is taken in
	lowShare      = 4         // a quarter
	readOnlyShare = 10        // a tenth

	// auditReserve lies on the disk so that the audit log can still be written
	// when nothing else can: what is refused and stopped then is recorded.
	auditReserve = 64 << 20
	// releaseBytes: with less than this free, the reserve is given up.
	releaseBytes = 16 << 20

	spaceEvery  = 5 * time.Second // between looks
	reserveFile = "reserve"       // in the data directory
)

// space watches the room on the disk. Its zero value is no use; see newSpace.
type space struct {
	reserve string // path; empty = the site has no audit log, so nothing is reserved
	record  func(audit.Record) error
	changed func() // called when the mode changes
	log     *slog.Logger

	looking sync.Mutex                            // held while somebody looks; guards disk
	disk    func() (free, total int64, err error) // of the data directory

	mu    sync.Mutex // guards the fields below
	mode  api.SpaceMode
	free  int64
	total int64
}

func newSpace(data string, audited bool, record func(audit.Record) error, changed func(), log *slog.Logger) *space {
	s := &space{record: record, changed: changed, log: log, mode: api.SpaceEnough, disk: func() (int64, int64, error) { return diskOf(data) }}
	if audited {
		s.reserve = filepath.Join(data, reserveFile)
	}
	return s
}

func diskOf(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	bytes := func(blocks uint64) int64 {
		if blocks > uint64(math.MaxInt64/st.Bsize) {
			return math.MaxInt64
		}
		return int64(blocks) * st.Bsize
	}
	return bytes(st.Bavail), bytes(st.Blocks), nil
}

// modeOf says what so much room allows.
func modeOf(free, total int64) api.SpaceMode {
	switch {
	case free < min(readOnlyBytes, total/readOnlyShare):
		return api.SpaceReadOnly
	case free < min(lowBytes, total/lowShare):
		return api.SpaceLow
	}
	return api.SpaceEnough
}

// look measures, keeps the reserve or gives it up, and records a change before
// anything comes of it. A change back needs a little more room than the change
// there did, so that a disk at the edge does not flicker.
func (s *space) look() error {
	s.looking.Lock()
	defer s.looking.Unlock()
	free, total, err := s.disk()
	if err != nil {
		return err
	}
	if err := s.keepReserve(free, total); err != nil {
		s.log.Error("the reserve of the audit log", "error", err)
	}
	s.mu.Lock()
	was := s.mode
	is := modeOf(free, total)
	if is != was && modeOf(free-free/10, total) == was {
		is = was
	}
	s.free, s.total = free, total
	s.mu.Unlock()
	if is == was {
		return nil
	}
	// Becoming stricter comes at once; becoming laxer when it is recorded.
	if is == api.SpaceReadOnly {
		s.set(is)
	}
	err = s.record(audit.Record{Action: "space." + string(is), Object: fmt.Sprintf("%d of %d bytes are free", free, total)})
	if err != nil {
		return err
	}
	s.log.Warn("room on the disk", "mode", is, "free", catalogue.Bytes(free), "of", catalogue.Bytes(total))
	s.set(is)
	s.changed()
	return nil
}

func (s *space) set(m api.SpaceMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
}

// keepReserve makes the reserve where there is room for it, and gives it up
// where there is hardly any left.
func (s *space) keepReserve(free, total int64) error {
	if s.reserve == "" {
		return nil
	}
	info, err := os.Stat(s.reserve)
	there := err == nil && info.Size() > 0
	switch {
	case there && free < releaseBytes:
		return os.Truncate(s.reserve, 0)
	case there || modeOf(free-auditReserve, total) == api.SpaceReadOnly:
		return nil
	}
	f, err := os.OpenFile(s.reserve, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// Blocks, not a promise: a file with a hole reserves nothing.
	err = unix.Fallocate(int(f.Fd()), 0, 0, auditReserve)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = nil // such a file system has no reserve; the modes are there all the same
	}
	return errors.Join(err, f.Close())
}

// watch looks again and again until ctx ends.
func (s *space) watch(ctx context.Context) {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.look(); err != nil {
				s.log.Error("room on the disk", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// status says how much room there is.
func (s *space) status() api.Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	return api.Space{Mode: s.mode, FreeBytes: s.free, TotalBytes: s.total}
}

// refusal is what whoever brings something new is told in read-only mode; nil in
// any other.
func (s *space) refusal() error {
	st := s.status()
	if st.Mode != api.SpaceReadOnly {
		return nil
	}
	return &api.Error{Status: http.StatusInsufficientStorage, Code: "read-only", RetryAfter: time.Minute,
		Detail: fmt.Sprintf("The disk of the appliance has %s left, so nothing new is taken in until there is more. Whoever runs this site can make room: remove models, or move old files of the audit log away.", catalogue.Bytes(st.FreeBytes))}
}

// paused says why no model is called, empty if they are: what they answer has to
// be kept.
func (s *space) paused() string {
	if s.status().Mode == api.SpaceReadOnly {
		return "the disk of the appliance is nearly full"
	}
	return ""
}

// notices says what everyone should know about the room.
func (s *space) notices() []api.Notice {
	st := s.status()
	free := catalogue.Bytes(st.FreeBytes)
	switch st.Mode {
	case api.SpaceReadOnly:
		return []api.Notice{{Code: "disk-read-only", Urgent: true, Text: mission.Text{
			"en": "The disk of the appliance is nearly full (" + free + " left). Nothing new is taken in, runs wait, and all goes on by itself when there is room.",
			"de": "Die Platte der Appliance ist fast voll (noch " + free + "). Neues wird nicht angenommen, Läufe warten, und alles geht von selbst weiter, sobald Platz ist.",
		}}}
	case api.SpaceLow:
		return []api.Notice{{Code: "disk-low", Text: mission.Text{
			"en": "The disk of the appliance is getting full (" + free + " left). When little is left, nothing new is taken in.",
			"de": "Die Platte der Appliance wird voll (noch " + free + "). Ist kaum noch Platz, wird Neues nicht mehr angenommen.",
		}}}
	}
	return nil
}
