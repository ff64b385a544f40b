// Package catalogue knows which models an organisation may ask for.
//
// There are two sources: the operator's models, the same for everybody, and
// those that an organisation added for itself. Where both have a name, the
// operator's counts. An organisation can give models more names, put them into
// groups, switch them off, and decide that those which it has not seen yet are off.
// What the database says is kept in memory, one organisation at a time, until Forget; a failure
// to read it is never kept, and no model is served on it.
package catalogue

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/sallyport-ai/sallyport"
)

// Store keeps what organisations say about models; store.DB is the real one.
// All methods are safe for concurrent use.
type Store interface {
	// OrgModels returns the models that the organisation added, none for an
	// organisation that is unknown.
	OrgModels(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error)
	// ModelChoices returns what it has decided about models, its own and the operator's.
	ModelChoices(ctx context.Context, org sallyport.OrgID) (sallyport.ModelChoices, error)
	// ModelAliases returns the names that it gave models, its own and the operator's.
	ModelAliases(ctx context.Context, org sallyport.OrgID) ([]sallyport.ModelAlias, error)
	// ModelGroups returns its sets of models.
	ModelGroups(ctx context.Context, org sallyport.OrgID) ([]sallyport.ModelGroup, error)
}

// Catalogue is safe for concurrent use.
type Catalogue struct {
	file  []sallyport.Model
	store Store

	mu    sync.RWMutex
	views map[sallyport.OrgID]*view
	epoch int64 // how often Forget was called
}

// view is what one organisation sees. It does not change once it is made.
type view struct {
	all     []sallyport.Model // sorted by id
	allowed []sallyport.Model // those of all that can be called: not switched off, their price known
	byID    map[string]sallyport.Model
	ids     map[string]string // by the names that are no ids
	choices sallyport.ModelChoices
}

// New returns the catalogue of the operator's models and those in the store.
func New(file []sallyport.Model, store Store) *Catalogue {
	return &Catalogue{file: slices.Clone(file), store: store, views: make(map[sallyport.OrgID]*view)}
}

// Models returns the models that the organisation may use, sorted by id.
func (c *Catalogue) Models(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error) {
	v, err := c.view(ctx, org)
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.allowed), nil
}

// All returns every model that the organisation could use, sorted by id: those
// that it switched off too.
func (c *Catalogue) All(ctx context.Context, org sallyport.OrgID) ([]sallyport.Model, error) {
	v, err := c.view(ctx, org)
	if err != nil {
		return nil, err
	}
	return slices.Clone(v.all), nil
}

// Model returns the model that has that id, or that name in the organisation, letter
// for letter: ModelNotFound for a
// name that is not in the catalogue, ModelAccessDenied for a model that the
// organisation switched off.
func (c *Catalogue) Model(ctx context.Context, org sallyport.OrgID, id string) (sallyport.Model, error) {
	v, err := c.view(ctx, org)
	if err != nil {
		return sallyport.Model{}, err
	}
	m, ok := v.byID[id]
	if !ok {
		m, ok = v.byID[v.ids[id]]
	}
	if !ok {
		return sallyport.Model{}, sallyport.NewError(sallyport.ModelNotFound,
			"The requested model does not exist. GET /v1/models lists the models that you can use.")
	}
	if !v.choices.Allows(m.ID) {
		return sallyport.Model{}, sallyport.NewError(sallyport.ModelAccessDenied,
			"Your organisation does not allow the model "+m.ID+".")
	}
	if m.Price.Unknown {
		return sallyport.Model{}, sallyport.NewError(sallyport.ModelAccessDenied,
			"Nobody has said what the model "+m.ID+" costs: an administrator can set its price.")
	}
	return m, nil
}

// Forget drops what is kept of the store: the next call reads it anew. What is
// being read at this moment is not kept either.
func (c *Catalogue) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.views = make(map[sallyport.OrgID]*view)
	c.epoch++
}

func (c *Catalogue) view(ctx context.Context, org sallyport.OrgID) (*view, error) {
	c.mu.RLock()
	v, epoch := c.views[org], c.epoch
	c.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	v, err := c.read(ctx, org)
	if err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the list of models could not be read", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch {
		c.views[org] = v
	}
	return v, nil
}

func (c *Catalogue) read(ctx context.Context, org sallyport.OrgID) (*view, error) {
	own, err := c.store.OrgModels(ctx, org)
	if err != nil {
		return nil, err
	}
	choices, err := c.store.ModelChoices(ctx, org)
	if err != nil {
		return nil, err
	}
	aliases, err := c.store.ModelAliases(ctx, org)
	if err != nil {
		return nil, err
	}
	groups, err := c.store.ModelGroups(ctx, org)
	if err != nil {
		return nil, err
	}
	v := &view{byID: make(map[string]sallyport.Model), ids: make(map[string]string), choices: choices}
	for _, m := range slices.Concat(own, c.file) { // the later one counts
		v.byID[m.ID] = m
	}
	v.name(aliases)
	v.group(groups)
	for _, id := range slices.Sorted(maps.Keys(v.byID)) {
		v.all = append(v.all, v.byID[id])
		if v.choices.Allows(id) && !v.byID[id].Price.Unknown {
			v.allowed = append(v.allowed, v.byID[id])
		}
	}
	return v, nil
}

// name gives models their other names. A name that the operator's file has since
// made an id is that model's.
func (v *view) name(aliases []sallyport.ModelAlias) {
	for _, a := range aliases {
		m, there := v.byID[a.Model]
		if _, taken := v.byID[a.Name]; taken || !there {
			continue
		}
		m.Aliases = append(m.Aliases, a)
		v.byID[m.ID], v.ids[a.Name] = m, m.ID
	}
}

func (v *view) group(groups []sallyport.ModelGroup) {
	for _, g := range groups {
		for _, id := range g.Models {
			if m, there := v.byID[id]; there {
				m.Groups = append(m.Groups, g.Name)
				v.byID[id] = m
			}
		}
	}
}
