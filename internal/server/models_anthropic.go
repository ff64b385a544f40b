package server

import (
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// The list of models as Anthropic's clients read it, which say so by the header
// anthropic-version: https://platform.claude.com/docs/en/api/models/list.

type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
	InputMax    int64  `json:"max_input_tokens,omitempty"`
	OutputMax   int64  `json:"max_tokens,omitempty"`
}

type anthropicList struct {
	Data    []anthropicModel `json:"data"`
	HasMore bool             `json:"has_more"`
	FirstID *string          `json:"first_id"`
	LastID  *string          `json:"last_id"`
}

// The bounds of a page, which are Anthropic's.
const (
	anthropicPage    = 20
	anthropicPageMax = 1000
)

func anthropicModelOf(m sallyport.Model, name string) anthropicModel {
	return anthropicModel{
		Type: "model", ID: name, DisplayName: m.DisplayName,
		CreatedAt: time.Unix(0, 0).UTC().Format(time.RFC3339), // which says that it is not known
		InputMax:  m.ContextWindow, OutputMax: m.OutputMax,
	}
}

// anthropicModels is one page of the models by their names.
func anthropicModels(r *request, models []sallyport.Model) (any, error) {
	var all []anthropicModel
	for _, m := range models {
		for _, name := range m.Names() {
			all = append(all, anthropicModelOf(m, name))
		}
	}
	query := r.URL.Query()
	limit, err := limitOf(query, anthropicPage, anthropicPageMax)
	if err != nil {
		return nil, err
	}
	place := func(id string) (int, error) {
		i := slices.IndexFunc(all, func(m anthropicModel) bool { return m.ID == id })
		if i < 0 {
			return 0, sallyport.NewError(sallyport.InvalidBody, "before_id and after_id must be ids of the list")
		}
		return i, nil
	}
	list := anthropicList{Data: []anthropicModel{}}
	switch {
	case query.Get("after_id") != "":
		i, err := place(query.Get("after_id"))
		if err != nil {
			return nil, err
		}
		all = all[i+1:]
	case query.Get("before_id") != "": // the page that ends there; more are before it
		i, err := place(query.Get("before_id"))
		if err != nil {
			return nil, err
		}
		list.Data, list.HasMore = all[max(0, i-limit):i], i > limit
		return list.ends(), nil
	}
	list.Data, list.HasMore = append(list.Data, all[:min(limit, len(all))]...), len(all) > limit
	return list.ends(), nil
}

func (l anthropicList) ends() anthropicList {
	if n := len(l.Data); n > 0 {
		l.FirstID, l.LastID = &l.Data[0].ID, &l.Data[n-1].ID
	}
	return l
}
