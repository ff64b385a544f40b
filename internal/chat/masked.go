package chat

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
)

// Masked is what data protection did to values of one type in a message.
type Masked struct {
	Type   string  `json:"type" doc:"Such as EMAIL_ADDRESS; SECRET for all secrets"`
	Label  string  `json:"label" doc:"The type in words"`
	Action string  `json:"action" enum:"tokenize,redact,block" doc:"What was done: a placeholder for the model, whose answer has the value again; gone for good; or the message refused"`
	Count  int     `json:"count"`
	At     []Place `json:"at" doc:"Where in the text; values in files have no place"`
}

// Place is where in a text, in units of UTF-16 as browsers count.
type Place struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// maskedOf gathers what was done to the message at that index of the request:
// text is what the person wrote in it, its first part.
func maskedOf(found []sallyport.Finding, index int, text string) []Masked {
	field := fmt.Sprintf("messages[%d].content", index)
	list := []Masked{}
	for _, f := range found {
		rest, inside := strings.CutPrefix(f.Field, field)
		if f.Direction != "in" || !inside || rest != "" && rest[0] != '[' {
			continue
		}
		m := masked(&list, f)
		if m == nil {
			continue
		}
		if (rest == "" || rest == "[0].text") && f.Start >= 0 && f.Start <= f.End && f.End <= len(text) {
			m.At = append(m.At, Place{units(text[:f.Start]), units(text[:f.End])})
		}
	}
	return list
}

// maskedOut gathers what was taken out of an answer.
func maskedOut(found []sallyport.Finding) []Masked {
	list := []Masked{}
	for _, f := range found {
		if f.Direction == "out" {
			masked(&list, f)
		}
	}
	return list
}

// masked counts a finding; nil when nothing was done.
func masked(list *[]Masked, f sallyport.Finding) *Masked {
	switch dlp.Action(f.Operator) {
	case dlp.Tokenize, dlp.Redact, dlp.Block:
	default:
		return nil
	}
	kind, label := f.Type, words(f.Type)
	if dlp.CategoryOf(f.Type) == dlp.CategorySecret {
		kind = dlp.TypeSecret
	}
	for i := range *list {
		if m := &(*list)[i]; m.Type == kind && m.Label == label && m.Action == f.Operator {
			m.Count++
			return m
		}
	}
	*list = append(*list, Masked{Type: kind, Label: label, Action: f.Operator, Count: 1, At: []Place{}})
	return &(*list)[len(*list)-1]
}

// words writes a type as people read it.
func words(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", " ")) }

func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
