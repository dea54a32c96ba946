package plugins

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Bounds of what a child can make the host write down.
const (
	maxLogLine   = 1 << 10 // bytes of a line; the rest of it is dropped
	logBurst     = 100     // lines at once
	logPerSecond = 20      // lines in the long run
)

// lineLog passes lines from a child to a logger: cut, cleaned of control
// characters, and only so many of them.
type lineLog struct {
	log    *slog.Logger
	stream string

	mu      sync.Mutex // guards the fields below
	tokens  float64
	at      time.Time
	dropped int
	last    string // newest line
	cause   string // first line that looks like the cause of a crash
}

func newLineLog(log *slog.Logger, stream string) *lineLog {
	return &lineLog{log: log, stream: stream, tokens: logBurst, at: time.Now()}
}

// copy reads r to its end.
func (l *lineLog) copy(r io.Reader) {
	b := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, more, err := b.ReadLine()
		if len(line) > 0 {
			l.line(string(line))
		}
		for more && err == nil { // the rest of a line that is too long
			_, more, err = b.ReadLine()
		}
		if err != nil {
			l.flush()
			if !errors.Is(err, io.EOF) {
				_, _ = io.Copy(io.Discard, r)
			}
			return
		}
	}
}

func (l *lineLog) line(s string) {
	s = printable(s)
	if s == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = s
	if l.cause == "" && (strings.HasPrefix(s, "panic: ") || strings.HasPrefix(s, "fatal error: ") || strings.HasPrefix(s, "SIG") || strings.Contains(s, "GGML_ASSERT")) {
		l.cause = s
	}
	now := time.Now()
	l.tokens = min(logBurst, l.tokens+now.Sub(l.at).Seconds()*logPerSecond)
	l.at = now
	if l.tokens < 1 {
		l.dropped++
		return
	}
	l.tokens--
	l.report()
	l.log.LogAttrs(context.Background(), slog.LevelInfo, s, slog.String("stream", l.stream))
}

func (l *lineLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report()
}

// report logs how many lines were dropped. The caller holds mu.
func (l *lineLog) report() {
	if l.dropped > 0 {
		l.log.LogAttrs(context.Background(), slog.LevelWarn, "lines dropped: the provider writes too many", slog.Int("lines", l.dropped), slog.String("stream", l.stream))
		l.dropped = 0
	}
}

// why returns the line that says most about the end of the child: what crashed
// it, or else its last word, dropped ones included; "" if it said nothing.
func (l *lineLog) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cmp.Or(l.cause, l.last)
}
