package sallyport

import (
	"slices"
	"time"
)

// ModelType says what a model is for.
type ModelType string

// The types. "" is ChatModel.
const (
	ChatModel          ModelType = "chat"
	EmbeddingModel     ModelType = "embedding"
	TranscriptionModel ModelType = "transcription"
)

// Ability is something that a model is known to be able to do. Of what is not told
// nothing is known.
type Ability string

// The abilities, in the order in which they are told.
const (
	Tools      Ability = "tools"
	Images     Ability = "images"    // as input
	Documents  Ability = "documents" // as input
	Audio      Ability = "audio"     // as input
	Reasons    Ability = "reasoning" // it can think before it answers
	Structured Ability = "structured_output"
	Streams    Ability = "streaming"
)

// AllAbilities lists the abilities in their order.
func AllAbilities() []Ability {
	return []Ability{Tools, Images, Documents, Audio, Reasons, Structured, Streams}
}

// AbilitiesOf are those for which can says so, in their order.
func AbilitiesOf(can func(Ability) bool) []Ability {
	return slices.DeleteFunc(AllAbilities(), func(a Ability) bool { return !can(a) })
}

// Facts says when and where it was read what a model is, can do and costs.
type Facts struct {
	At     time.Time // zero: nobody noted it
	Source string    // an address
}

// ModelOffer is a model that a provider lists, as far as the list tells.
type ModelOffer struct {
	Target        string    `json:"target"` // the provider's name for it
	DisplayName   string    `json:"display_name,omitempty"`
	Type          ModelType `json:"type,omitempty"` // may be another than those above, which nobody serves
	ContextWindow int64     `json:"context_window,omitempty"`
	OutputMax     int64     `json:"output_max,omitempty"`
	Abilities     []Ability `json:"abilities,omitempty"`
}

// ProviderList is what a provider last said that it offers. Those of the operator's
// providers belong to InstanceOrg.
type ProviderList struct {
	Org      OrgID
	Provider string
	AskedAt  time.Time
	ListedAt time.Time // when it last answered; zero: never
	Failure  string    // how it failed when it was last asked; empty: not at all
	Partial  bool      // there are more than were read
	Models   []ModelOffer
}
