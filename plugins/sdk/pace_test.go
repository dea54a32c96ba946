package sdk

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"skerry/appliance/llm"
	"skerry/plugins/sdk/wire"
)

// TestPace: what a fast model writes travels in few messages, what a slow one
// writes at once, the first piece and the last always do, and nothing is lost.
func TestPace(t *testing.T) {
	for _, row := range []struct {
		name     string
		every    time.Duration
		pieces   int
		messages int           // at most
		late     time.Duration // at most, from when a piece was written to when it left
	}{
		{"fast", time.Millisecond, 200, 21, pace},
		{"slow", 2 * pace, 20, 20, 0},
		{"one", time.Millisecond, 1, 1, 0},
		{"all at once", 0, 1000, 8, pace},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var text strings.Builder
				messages, late := 0, time.Duration(0)
				var written []time.Time // of pieces that have not left
				c := newCoalescer(func(m *wire.GenerateChunk) error {
					if messages++; messages == 1 && time.Since(start) > row.every {
						t.Errorf("the first message left after %v", time.Since(start))
					}
					text.WriteString(m.GetText())
					for range len(m.GetText()) {
						late = max(late, time.Since(written[0]))
						written = written[1:]
					}
					return nil
				})
				for i := range row.pieces {
					if i > 0 {
						time.Sleep(row.every)
						synctest.Wait()
					}
					written = append(written, time.Now())
					if err := c.add(llm.Delta{Text: "x", Tokens: []llm.Token{{}}}); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				ended := time.Now()
				if err := c.close(); err != nil || time.Since(ended) > 0 {
					t.Errorf("closing took %v, %v", time.Since(ended), err)
				}
				if text.String() != strings.Repeat("x", row.pieces) || messages > row.messages || late > row.late {
					t.Errorf("%d pieces in %d messages, at most %v late; want %d in at most %d, at most %v", text.Len(), messages, late, row.pieces, row.messages, row.late)
				}
				if row.name == "slow" && messages != row.pieces {
					t.Errorf("%d messages for %d slow pieces", messages, row.pieces)
				}
			})
		})
	}
}

// TestPaceGivesUp: an error of the wire ends the coalescer also while it rests.
func TestPaceGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		c := newCoalescer(func(*wire.GenerateChunk) error { return broken })
		_ = c.add(llm.Delta{Text: "x"})
		synctest.Wait()
		if err := c.add(llm.Delta{Text: "y"}); !errors.Is(err, broken) {
			t.Errorf("after an error of the wire: %v", err)
		}
		if err := c.close(); !errors.Is(err, broken) {
			t.Errorf("closed with %v", err)
		}
	})
}
