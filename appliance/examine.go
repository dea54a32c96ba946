package appliance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"skerry/appliance/api"
	"skerry/appliance/audit"
	"skerry/appliance/exam"
	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/appliance/policy"
	"skerry/plugins"
)

// settingExams holds the last scorecard of every model that was examined.
const settingExams = "models.exams"

// examTimeout bounds an exam: a large model on a small host reads its longest
// question for minutes.
const examTimeout = 15 * time.Minute

// loadExams reads the scorecards.
func (m *models) loadExams(ctx context.Context) error {
	cards := map[llm.ModelID]exam.Scorecard{}
	if err := m.settings.Setting(ctx, settingExams, &cards); err != nil && !errors.Is(err, mission.ErrNotFound) {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exams = cards
	return nil
}

// scorecard returns the last scorecard of a model, nil if there is none.
func (m *models) scorecard(id llm.ModelID) *exam.Scorecard {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.exams[id]; ok {
		return &c
	}
	return nil
}

// putExam keeps a scorecard, or forgets it where c is nil. The caller holds
// writing.
func (m *models) putExam(ctx context.Context, id llm.ModelID, c *exam.Scorecard, records ...audit.Record) error {
	m.mu.Lock()
	cards := maps.Clone(m.exams)
	m.mu.Unlock()
	if c == nil {
		delete(cards, id)
	} else {
		cards[id] = *c
	}
	if err := m.settings.PutSetting(ctx, settingExams, cards, records...); err != nil {
		return err
	}
	m.mu.Lock()
	m.exams = cards
	m.mu.Unlock()
	return nil
}

// ExamineModel implements api.Models. The questions are built in, so no policy
// is asked: nothing of the site is sent.
func (m *models) ExamineModel(ctx context.Context, id llm.ModelID, by policy.Principal) error {
	e, err := m.entry(id)
	if err != nil {
		return err
	}
	if p := e.child.State().Phase; p != plugins.Ready && m.idle(e) == "" {
		return &api.Error{Status: http.StatusConflict, Code: "model-not-running",
			Detail: fmt.Sprintf("The model %s does not run, so it cannot be examined. Start it first.", id)}
	}
	select {
	case m.examining <- struct{}{}:
		defer func() { <-m.examining }()
	default:
		return &api.Error{Status: http.StatusConflict, Code: "exam-busy", RetryAfter: time.Minute,
			Detail: "Another exam is going on, and two would slow each other down. Wait until it is done and try again."}
	}
	ctx, cancel := context.WithTimeout(ctx, examTimeout)
	defer cancel()
	release, _, err := m.use(ctx, e)
	if err != nil {
		return examFault(id, err)
	}
	defer release()
	model := e.current()
	profile, ok := m.profiles[model.Profile]
	if !ok && len(model.Capabilities.Tasks) > 0 || !e.answers() {
		return &api.Error{Status: http.StatusConflict, Code: "model-not-running",
			Detail: fmt.Sprintf("The model %s has not said yet what it is. Try again in a moment.", id)}
	}
	card, err := exam.Run(ctx, exam.Subject{Provider: e.child, Model: model, Profile: profile, Memory: func() int64 { return e.child.State().MemoryBytes }})
	if err != nil {
		return examFault(id, err)
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	if _, err := m.entry(id); err != nil {
		return err // it was removed meanwhile
	}
	m.log.Info("model examined", "model", id, "lock", card.Lock, "by", by.ID)
	return m.putExam(ctx, id, &card, audit.Record{Action: "model.examined", Actor: by.ID, ActorName: by.Name, Model: string(id), Lock: card.Lock})
}

func examFault(id llm.ModelID, err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Kind {
	case llm.Cancelled:
		return context.Canceled
	case llm.Timeout:
		return &api.Error{Status: http.StatusConflict, Code: "exam-failed", Err: err,
			Detail: fmt.Sprintf("The model %s did not get through its exam within %s. It is too large for this host, or runs with too long a context.", id, examTimeout)}
	}
	return &api.Error{Status: http.StatusConflict, Code: "exam-failed", Err: err,
		Detail: fmt.Sprintf("The model %s gave up in its exam: %s. What it had answered was not kept.", id, e.Message)}
}
