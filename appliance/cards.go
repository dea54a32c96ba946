package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"skerry/appliance/llm"
	"skerry/appliance/mission"
	"skerry/embed"
)

// Card implements api.Models. Only starter models have cards: what came with an
// imported file was never measured here.
func (m *models) Card(_ context.Context, id llm.ModelID) (llm.Card, error) {
	e, err := m.entry(id)
	if err != nil {
		return llm.Card{}, err
	}
	if e.imported != nil {
		return llm.Card{}, fmt.Errorf("card of %s: %w", id, mission.ErrNotFound)
	}
	data, err := fs.ReadFile(embed.Starter(), "cards/"+string(id)+".json")
	if errors.Is(err, fs.ErrNotExist) {
		return llm.Card{}, fmt.Errorf("card of %s: %w", id, mission.ErrNotFound)
	}
	if err != nil {
		return llm.Card{}, err
	}
	return llm.ParseCard(data)
}
