package appliance

import (
	"sync"
	"time"
)

// tries counts wrong passwords of logins that have no account yet, as the store
// counts those of accounts: people of a directory who were never here, and
// names that nobody has. It is not durable; what bounds guessing over a restart
// is the number of attempts in a minute, and the directory's own lock.
type tries struct {
	now func() time.Time

	mu sync.Mutex
	of map[string]tried // by login; guarded by mu
}

type tried struct {
	wrong int
	until time.Time // of the lock, or of what is remembered
}

const (
	triesAtOnce   = 10_000 // logins that are remembered
	triesRemember = time.Hour
	lockAfter     = 5 // as in the store
	lockFirst     = time.Minute
	lockMost      = 15 * time.Minute
)

// locked reports whether no password is looked at now.
func (t *tries) locked(login string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.of[login]
	return ok && one.wrong >= lockAfter && t.now().Before(one.until)
}

// wrong counts a wrong password.
func (t *tries) wrong(login string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.of == nil {
		t.of = map[string]tried{}
	}
	one, known := t.of[login]
	if !known && len(t.of) >= triesAtOnce {
		t.forget(now)
	}
	one.wrong++
	one.until = now.Add(triesRemember)
	if over := one.wrong - lockAfter; over >= 0 {
		one.until = now.Add(min(lockFirst<<min(over, 10), lockMost))
	}
	t.of[login] = one
}

// right forgets a login.
func (t *tries) right(login string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.of, login)
}

// forget makes room: what is over goes, and where nothing is, whatever comes
// first.
func (t *tries) forget(now time.Time) {
	for login, one := range t.of {
		if now.Sub(one.until) > lockMost {
			delete(t.of, login)
		}
	}
	for login := range t.of {
		if len(t.of) < triesAtOnce {
			return
		}
		delete(t.of, login)
	}
}
