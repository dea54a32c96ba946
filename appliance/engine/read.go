package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"skerry/appliance/mission"
)

// readEnded is a document that became text, or could not.
type readEnded struct {
	input string
	text  string
	data  mission.ReadData
	err   error // of the engine, not of the document
}

func (*readEnded) isEvent() {}

// read has an input document read. Reading has no effect outside, so it needs
// no intent: after a crash it is simply done again.
func (a *actor) read(ctx context.Context, input string) {
	if a.reading[input] {
		return
	}
	a.reading[input] = true
	doc := a.run.Input[input].Document
	a.after = append(a.after, func() {
		a.work.Go(func() {
			ev := &readEnded{input: input}
			ev.text, ev.data, ev.err = a.e.readDocument(ctx, doc)
			ev.data.Input = input
			a.e.post(a.id, ev)
		})
	})
}

// readDocument turns a blob into text and stores the text.
func (e *Engine) readDocument(ctx context.Context, doc *mission.DocumentRef) (text string, data mission.ReadData, err error) {
	defer func() {
		if v := recover(); v != nil {
			e.Log.Error("document reader panicked", "panic", v, "stack", string(debug.Stack()))
			data = mission.ReadData{Problem: "the document made its reader crash; it may be damaged. Save it anew and try again.", Code: "damaged"}
			text, err = "", nil
		}
	}()
	if doc == nil {
		return "", mission.ReadData{Problem: "there is no document", Code: "missing"}, nil
	}
	text, data, err = e.readBytes(ctx, doc)
	if err != nil || data.Problem != "" {
		data.TextSHA256 = ""
		return "", data, err
	}
	if data.TextSHA256 == "" {
		data.TextSHA256, _, err = e.Blobs.Put(ctx, strings.NewReader(text), e.TextBytes)
	}
	return text, data, err
}

// readBytes reads the document itself. It sets TextSHA256 if the text is the
// document, byte for byte, which is then not stored again.
func (e *Engine) readBytes(ctx context.Context, doc *mission.DocumentRef) (text string, data mission.ReadData, err error) {
	select { // documents can be large: few at once
	case e.reads <- struct{}{}:
		defer func() { <-e.reads }()
	case <-ctx.Done():
		return "", mission.ReadData{}, ctx.Err()
	}
	raw, err := e.blob(ctx, doc.SHA256, e.DocumentBytes)
	switch {
	case errors.Is(err, errTooBig):
		return "", mission.ReadData{Problem: fmt.Sprintf("%s has more than %d bytes, the most that is read here; split it.", doc.Name, e.DocumentBytes), Code: "too-big"}, nil
	case errors.Is(err, mission.ErrNotFound):
		return "", mission.ReadData{Problem: doc.Name + " is no longer in the store; upload it again.", Code: "missing"}, nil
	case err != nil:
		return "", mission.ReadData{}, err
	}
	text, data, err = e.Reader.Read(ctx, doc.Name, raw)
	data.TextSHA256 = ""
	if text == string(raw) {
		data.TextSHA256 = doc.SHA256
	}
	return text, data, err
}

// readDone writes down what came of reading a document.
func (a *actor) readDone(ctx context.Context, ev *readEnded) error {
	if !a.reading[ev.input] {
		return nil
	}
	delete(a.reading, ev.input)
	if ev.err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("read input %s of run %s: %w", ev.input, a.id, ev.err)
	}
	if ev.data.Problem == "" {
		a.texts[ev.input] = ev.text
	}
	return a.add(mission.Observation{Kind: mission.KindRead, Read: &ev.data})
}
