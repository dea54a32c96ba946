package appliance

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"skerry/appliance/api"
	"skerry/appliance/api/client"
	"skerry/appliance/audit"
	"skerry/appliance/mission"
)

// disk is one whose room is said.
type disk struct{ free, total int64 }

func (d *disk) room() (int64, int64, error) { return d.free, d.total, nil }

const gib = 1 << 30

// TestSpaceModes: how much room leaves which mode, on large and on small disks.
func TestSpaceModes(t *testing.T) {
	for _, row := range []struct {
		free, total int64
		want        api.SpaceMode
	}{
		{50 * gib, 100 * gib, api.SpaceEnough},
		{1 * gib, 100 * gib, api.SpaceEnough},
		{1*gib - 1, 100 * gib, api.SpaceLow},
		{256 << 20, 100 * gib, api.SpaceLow},
		{256<<20 - 1, 100 * gib, api.SpaceReadOnly},
		{300 << 20, 1 * gib, api.SpaceEnough},
		{200 << 20, 1 * gib, api.SpaceLow},
		{100 << 20, 1 * gib, api.SpaceReadOnly},
		{0, 1 * gib, api.SpaceReadOnly},
	} {
		if got := modeOf(row.free, row.total); got != row.want {
			t.Errorf("%d of %d free: %s, want %s", row.free, row.total, got, row.want)
		}
	}
}

// TestSpaceIsWatched: modes come and go with the room, each change is recorded
// once, a disk at the edge does not flicker, and what cannot be recorded does not
// make the appliance take anything in.
func TestSpaceIsWatched(t *testing.T) {
	d := &disk{50 * gib, 100 * gib}
	var recorded []string
	var fail error
	changes := 0
	s := newSpace(t.TempDir(), false, func(r audit.Record) error {
		if fail == nil {
			recorded = append(recorded, r.Action)
		}
		return fail
	}, func() { changes++ }, slog.New(slog.DiscardHandler))
	s.disk = d.room
	for _, row := range []struct {
		free    int64
		want    api.SpaceMode
		refuses bool
	}{
		{50 * gib, api.SpaceEnough, false},
		{900 << 20, api.SpaceLow, false},
		{1*gib + 1, api.SpaceLow, false}, // not yet
		{200 << 20, api.SpaceReadOnly, true},
		{260 << 20, api.SpaceReadOnly, true}, // not yet
		{300 << 20, api.SpaceLow, false},
		{50 * gib, api.SpaceEnough, false},
	} {
		d.free = row.free
		if err := s.look(); err != nil {
			t.Fatal(err)
		}
		if got := s.status(); got.Mode != row.want || got.FreeBytes != row.free {
			t.Errorf("%d bytes free: %+v, want %s", row.free, got, row.want)
		}
		if refuses, paused := s.refusal() != nil, s.paused() != ""; refuses != row.refuses || paused != row.refuses {
			t.Errorf("%d bytes free: refuses %t, models paused %t, want %t", row.free, refuses, paused, row.refuses)
		}
	}
	want := []string{"space.low", "space.read-only", "space.low", "space.enough"}
	if !slices.Equal(recorded, want) || changes != len(want) {
		t.Errorf("recorded %v, %d changes; want %v", recorded, changes, want)
	}
	d.free = 100 << 20
	fail = errors.New("the log is gone")
	if err := s.look(); !errors.Is(err, fail) || s.refusal() == nil {
		t.Errorf("with a log that is gone: %v, refusal %v", err, s.refusal())
	}
	d.free = 50 * gib
	if err := s.look(); !errors.Is(err, fail) || s.refusal() == nil {
		t.Errorf("room that is not on record lets new things in: %v, refusal %v", err, s.refusal())
	}
}

// TestReserve: real blocks are kept for the audit log, given up when hardly
// anything is left, and taken again.
func TestReserve(t *testing.T) {
	data := t.TempDir()
	d := &disk{50 * gib, 100 * gib}
	s := newSpace(data, true, func(audit.Record) error { return nil }, func() {}, slog.New(slog.DiscardHandler))
	s.disk = d.room
	blocks := func() int64 {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(data, reserveFile), &st); err != nil {
			if os.IsNotExist(err) {
				return 0
			}
			t.Fatal(err)
		}
		return st.Blocks * 512
	}
	for _, row := range []struct {
		what string
		free int64
		want int64
	}{
		{"with hardly room enough for it", 300 << 20, 0},
		{"with room", 50 * gib, auditReserve},
		{"with little room", 100 << 20, auditReserve},
		{"with hardly any left", 15 << 20, 0},
		{"with what it gave up", 79 << 20, 0},
		{"with room again", 2 * gib, auditReserve},
	} {
		d.free = row.free
		if err := s.look(); err != nil {
			t.Fatal(err)
		}
		if got := blocks(); got < row.want || got > row.want+1<<20 {
			t.Errorf("%s: %d bytes are reserved, want %d", row.what, got, row.want)
		}
	}
}

// TestReadOnly: an appliance with hardly any room left says so, takes nothing in,
// calls no model, and goes on by itself when there is room. All of it is on
// record.
func TestReadOnly(t *testing.T) {
	s, a := newAuditedSite(t)
	full := &disk{100 << 20, 100 * gib}
	measure := func(by func() (int64, int64, error)) {
		s.app.space.looking.Lock()
		defer s.app.space.looking.Unlock()
		s.app.space.disk = by
	}
	measure(full.room)
	waits := s.sample(t, "routine-calder-tools.txt")
	if err := s.app.space.look(); err != nil {
		t.Fatal(err)
	}
	_, err := s.StartSample(t.Context(), client.Start{Mission: sampleMission}, "document", "routine-calder-tools.txt")
	var p *api.Problem
	if !errors.As(err, &p) || p.Type != "urn:skerry:read-only" {
		t.Errorf("a start with hardly any room left: %v", err)
	}
	st, err := s.AuditStatus(t.Context())
	if err != nil || st.Space.Mode != api.SpaceReadOnly || !st.Kept || len(st.Auditors) != 2 || st.Entries == 0 || st.Unwitnessed != st.Entries {
		t.Errorf("status %+v, %v", st, err)
	}
	if n := s.app.notices(t.Context()); len(n) == 0 || n[0].Code != "disk-read-only" || !n[0].Urgent {
		t.Errorf("notices %+v", n)
	}
	for _, o := range s.app.models.Offers() {
		if o.Down == "" {
			t.Errorf("model %s is called with hardly any room left", o.ID)
		}
	}
	measure(func() (int64, int64, error) { return diskOf(s.data) })
	if err := s.app.space.look(); err != nil {
		t.Fatal(err)
	}
	if d := s.finished(t, waits); outcome(d.Summary) != mission.Approved {
		t.Errorf("the run that waited: %s", outcome(d.Summary))
	}
	s.stop()
	if log := a.agree(t, s.data); log.actions["space.read-only"] != 1 || log.actions["space.enough"] != 1 || log.actions["api.start-run"] != 2 {
		t.Errorf("recorded %v", log.actions)
	}
}
