package sallyport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Model is one entry of the catalogue: the name that clients send, and who serves it.
type Model struct {
	ID            string // the name in requests, unique
	DisplayName   string
	Provider      string // name of the provider that serves it
	Target        string // the provider's own name for it
	ContextWindow int64  // tokens; 0: unknown
	OutputMax     int64  // most output tokens of one answer; 0: unknown
	ImageTokens   int64  // upper bound of the tokens that one image costs as input
	Price         Price
	// Offline says that no AI answers under this name, only the scripted stand-in.
	Offline   bool
	Type      ModelType // empty: ChatModel
	Abilities []Ability // in the order of AllAbilities
	Facts     Facts
	// DLP is the operator's choice for this model; empty: as the organisation says.
	DLP string
	// Weight is this way's share of the calls, against those of Routes. Without any
	// weight every call begins here, and goes on to Routes in their order.
	Weight int64
	// Routes are more ways to serve the model, tried when another fails.
	Routes []Route
	// Fallbacks are the ids of models that answer when no way to this one does; theirs
	// are not followed.
	Fallbacks []string
	// Retries is how often one way is tried again after a failure that costs nothing;
	// nil: as the operator has it for all.
	Retries *int
	// Loose says that each call begins at a way of its own, by the weights, and not
	// where its conversation has begun.
	Loose bool
	// Aliases and Groups are what the organisation that looks at it made of it: its
	// other names, sorted, and the model groups that it is in. The catalogue sets them.
	Aliases []ModelAlias
	Groups  []string
}

// Route is one more way to serve a model.
type Route struct {
	Provider string
	Target   string
	Weight   int64
	Price    Price
}

// Can says whether the model is known to be able to do it.
func (m Model) Can(a Ability) bool { return slices.Contains(m.Abilities, a) }

// Serves is the model's type.
func (m Model) Serves() ModelType { return cmp.Or(m.Type, ChatModel) }

// The bounds of how calls of a model are routed.
const (
	ModelRoutesMax  = 15 // more ways to one model, those of its fallbacks included
	ModelRetriesMax = 5
	ModelWeightMax  = 1_000_000
)

// CheckRouting says what is wrong with how calls of the model are routed, in words for who
// wrote it, as far as the model alone tells: who its providers and fallbacks are, it
// does not know.
func (m Model) CheckRouting() error {
	if len(m.Routes)+len(m.Fallbacks) > ModelRoutesMax {
		return fmt.Errorf("there are more than %d routes and fallbacks: remove some", ModelRoutesMax)
	}
	if m.Retries != nil && (*m.Retries < 0 || *m.Retries > ModelRetriesMax) {
		return fmt.Errorf("retries is a number from 0 to %d", ModelRetriesMax)
	}
	ways := m.Ways()
	for i, w := range ways {
		if w.Weight < 0 || w.Weight > ModelWeightMax {
			return fmt.Errorf("weight is a number from 0 to %d", ModelWeightMax)
		}
		if slices.ContainsFunc(ways[:i], func(o Model) bool { return o.Provider == w.Provider && o.Target == w.Target }) {
			return errors.New("two ways lead to the same target of the same provider: remove one")
		}
	}
	for i, id := range m.Fallbacks {
		if id == m.ID || slices.Contains(m.Fallbacks[:i], id) {
			return errors.New("fallbacks must be other models that there are, each once")
		}
	}
	return nil
}

// Ways returns the model once for each way to serve it, the first way first.
func (m Model) Ways() []Model {
	ways := make([]Model, 0, 1+len(m.Routes))
	ways = append(ways, m)
	for _, r := range m.Routes {
		way := m
		way.Provider, way.Target, way.Weight, way.Price = r.Provider, r.Target, r.Weight, r.Price
		ways = append(ways, way)
	}
	return ways
}

// Price is what tokens of one model cost.
type Price struct {
	Input       Rate
	CachedInput Rate // tokens the provider read from its prompt cache
	CacheWrite  Rate // tokens the provider wrote to its prompt cache
	Output      Rate
	Reasoning   Rate // output tokens that the model thought with; 0: as Output
	Second      Rate // a second of sound, of models that are priced by time; 0: the others
	// Version names this price in the trail, so that a charge can be explained later.
	Version string
	// Unknown says that nobody has said what it costs: it cannot be called.
	Unknown bool
}

// ModelChoices are what an organisation has decided about its models.
type ModelChoices struct {
	Access map[string]bool // by id: switched on, or off
	NewOff bool            // models on which nobody has decided are off
	// Default is the model that chats begin with; empty: nobody has chosen one.
	Default string
}

// Allows says whether the organisation may use the model of that id.
func (c ModelChoices) Allows(id string) bool {
	on, decided := c.Access[id]
	if !decided {
		return !c.NewOff
	}
	return on
}
