package catalogue

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

const (
	acme  sallyport.OrgID = "acme"
	other sallyport.OrgID = "other"
)

// memory is a Store in memory that counts and can fail.
type memory struct {
	mu       sync.Mutex
	models   map[sallyport.OrgID][]sallyport.Model
	disabled map[sallyport.OrgID][]string
	enabled  map[sallyport.OrgID][]string
	newOff   map[sallyport.OrgID]bool
	aliases  map[sallyport.OrgID][]sallyport.ModelAlias
	groups   map[sallyport.OrgID][]sallyport.ModelGroup
	err      error // of OrgModels
	errNames error // of ModelAliases
	errSets  error // of ModelGroups
	errOff   error // of ModelChoices
	reads    int
	reading  func() // called while OrgModels reads
}

func (m *memory) OrgModels(_ context.Context, org sallyport.OrgID) ([]sallyport.Model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	models := m.models[org]
	if m.reading != nil {
		m.reading()
	}
	return models, m.err
}

func (m *memory) ModelChoices(_ context.Context, org sallyport.OrgID) (sallyport.ModelChoices, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := sallyport.ModelChoices{Access: make(map[string]bool), NewOff: m.newOff[org]}
	for _, id := range m.disabled[org] {
		c.Access[id] = false
	}
	for _, id := range m.enabled[org] {
		c.Access[id] = true
	}
	return c, m.errOff
}

func (m *memory) ModelAliases(_ context.Context, org sallyport.OrgID) ([]sallyport.ModelAlias, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.aliases[org], m.errNames
}

func (m *memory) ModelGroups(_ context.Context, org sallyport.OrgID) ([]sallyport.ModelGroup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.groups[org], m.errSets
}

func newMemory() *memory {
	return &memory{
		models:   map[sallyport.OrgID][]sallyport.Model{acme: {{ID: "acme-own"}, {ID: "shared", Provider: "acme's"}}},
		disabled: map[sallyport.OrgID][]string{acme: {"switched-off", "not-there"}},
	}
}

var operators = []sallyport.Model{{ID: "switched-off"}, {ID: "shared", Provider: "operator's"}, {ID: "large"}}

func ids(t *testing.T, c *Catalogue, org sallyport.OrgID) string {
	t.Helper()
	models, err := c.Models(t.Context(), org)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range models {
		names = append(names, m.ID)
	}
	return strings.Join(names, " ")
}

func TestModels(t *testing.T) {
	c := New(operators, newMemory())
	if got, want := ids(t, c, acme), "acme-own large shared"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ids(t, c, other), "large shared switched-off"; got != want {
		t.Errorf("another organisation: got %q, want %q", got, want)
	}
}

// Where new models are off, only those are on that somebody switched on.
func TestModels_new_are_off(t *testing.T) {
	m := newMemory()
	m.newOff = map[sallyport.OrgID]bool{acme: true}
	m.enabled = map[sallyport.OrgID][]string{acme: {"shared"}}
	c := New(operators, m)
	if got, want := ids(t, c, acme), "shared"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ids(t, c, other), "large shared switched-off"; got != want {
		t.Errorf("another organisation: got %q, want %q", got, want)
	}
	if _, err := c.Model(t.Context(), acme, "large"); sallyport.CodeOf(err) != sallyport.ModelAccessDenied {
		t.Errorf("a new model: %v", err)
	}
}

func TestAll(t *testing.T) {
	c := New(operators, newMemory())
	var got []string
	all, err := c.All(t.Context(), acme)
	for _, m := range all {
		got = append(got, m.ID)
	}
	if want := "acme-own large shared switched-off"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestModels_result_belongs_to_the_caller(t *testing.T) {
	c := New(operators, newMemory())
	models, err := c.Models(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	models[0].ID = "changed"
	if got, want := ids(t, c, acme), "acme-own large shared"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestModel(t *testing.T) {
	c := New(operators, newMemory())
	for _, test := range []struct {
		name string
		org  sallyport.OrgID
		id   string
		code sallyport.Code
	}{
		{"the operator's", acme, "large", ""},
		{"its own", acme, "acme-own", ""},
		{"another organisation's", other, "acme-own", sallyport.ModelNotFound},
		{"switched off", acme, "switched-off", sallyport.ModelAccessDenied},
		{"switched off elsewhere", other, "switched-off", ""},
		{"switched off and not there", acme, "not-there", sallyport.ModelNotFound},
		{"unknown", acme, "nothing", sallyport.ModelNotFound},
		{"without a name", acme, "", sallyport.ModelNotFound},
		{"other letters", acme, "Large", sallyport.ModelNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := c.Model(t.Context(), test.org, test.id)
			if sallyport.CodeOf(err) != test.code {
				t.Fatalf("got %v, want code %q", err, test.code)
			}
			if err == nil && m.ID != test.id {
				t.Errorf("got model %q, want %q", m.ID, test.id)
			}
			if err != nil && m.ID != "" {
				t.Errorf("a refused model was handed out: %+v", m)
			}
		})
	}
}

// A model answers to each of its names as it does to its id; what is decided of it
// goes by its id. Where the operator's file has made a name an id, that one counts.
func TestNames(t *testing.T) {
	m := newMemory()
	m.aliases = map[sallyport.OrgID][]sallyport.ModelAlias{acme: {
		{Name: "a", Model: "large", Kind: sallyport.Alias}, {Name: "gone", Model: "nowhere", Kind: sallyport.Alias},
		{Name: "main", Model: "large", Kind: sallyport.Rename}, {Name: "off", Model: "switched-off", Kind: sallyport.Alias},
		{Name: "old", Model: "large", Kind: sallyport.Former}, {Name: "shared", Model: "large", Kind: sallyport.Alias},
	}}
	c := New(operators, m)
	for _, test := range []struct {
		org  sallyport.OrgID
		name string
		want string // the id
		code sallyport.Code
	}{
		{acme, "a", "large", ""}, {acme, "main", "large", ""}, {acme, "old", "large", ""}, {acme, "large", "large", ""},
		{acme, "shared", "shared", ""}, {acme, "gone", "", sallyport.ModelNotFound}, {acme, "off", "", sallyport.ModelAccessDenied},
		{other, "a", "", sallyport.ModelNotFound},
	} {
		got, err := c.Model(t.Context(), test.org, test.name)
		if got.ID != test.want || sallyport.CodeOf(err) != test.code {
			t.Errorf("%s in %s: got %q, %v; want %q, %q", test.name, test.org, got.ID, err, test.want, test.code)
		}
	}
	large, err := c.Model(t.Context(), acme, "large")
	if got := strings.Join(large.Names(), " "); err != nil || got != "main a" {
		t.Errorf("it is listed as %q, %v; want its new name and its alias", got, err)
	}
	if plain, err := c.Model(t.Context(), other, "large"); err != nil || strings.Join(plain.Names(), " ") != "large" {
		t.Errorf("elsewhere it is listed as %q, %v", plain.Names(), err)
	}
}

func TestGroups(t *testing.T) {
	m := newMemory()
	m.groups = map[sallyport.OrgID][]sallyport.ModelGroup{acme: {{Name: "a", Models: []string{"large", "gone"}}, {Name: "b", Models: []string{"large"}}}}
	c := New(operators, m)
	for org, want := range map[sallyport.OrgID]string{acme: "a b", other: ""} {
		if got, err := c.Model(t.Context(), org, "large"); err != nil || strings.Join(got.Groups, " ") != want {
			t.Errorf("%s: groups %q, %v; want %q", org, got.Groups, err, want)
		}
	}
}

func TestModel_operator_counts_before_organisation(t *testing.T) {
	m, err := New(operators, newMemory()).Model(t.Context(), acme, "shared")
	if err != nil || m.Provider != "operator's" {
		t.Errorf("got %+v, %v; want the operator's model", m, err)
	}
}

func TestModel_message_never_repeats_what_was_asked(t *testing.T) {
	_, err := New(operators, newMemory()).Model(t.Context(), acme, "my secret")
	if strings.Contains(err.Error(), "my secret") {
		t.Errorf("the message quotes the request: %v", err)
	}
}

func TestForget(t *testing.T) {
	store := newMemory()
	c := New(operators, store)
	ids(t, c, acme)
	ids(t, c, acme)
	if store.reads != 1 {
		t.Errorf("%d reads for two questions, want 1", store.reads)
	}
	store.disabled[acme] = []string{"large"}
	if got, want := ids(t, c, acme), "acme-own large shared"; got != want {
		t.Errorf("before Forget: got %q, want %q", got, want)
	}
	c.Forget()
	if got, want := ids(t, c, acme), "acme-own shared switched-off"; got != want {
		t.Errorf("after Forget: got %q, want %q", got, want)
	}
}

// What was read before a change and arrives after the Forget that tells of it
// must not stay.
func TestForget_while_reading(t *testing.T) {
	store := newMemory()
	c := New(operators, store)
	store.reading = func() {
		store.reading = nil
		store.models[acme] = nil
		c.Forget()
	}
	ids(t, c, acme)
	if got, want := ids(t, c, acme), "large shared"; got != want {
		t.Errorf("got %q, want %q: what was read before the change was kept", got, want)
	}
}

func TestFailClosed(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(*memory, error)
	}{
		{"models", func(m *memory, err error) { m.err = err }},
		{"switched off", func(m *memory, err error) { m.errOff = err }},
		{"names", func(m *memory, err error) { m.errNames = err }},
		{"model groups", func(m *memory, err error) { m.errSets = err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, broken := newMemory(), errors.New("disk on fire")
			c := New(operators, store)
			test.fail(store, broken)
			_, err := c.Model(t.Context(), acme, "large")
			if sallyport.CodeOf(err) != sallyport.Internal || !errors.Is(err, broken) {
				t.Errorf("got %v, want an internal error with its cause", err)
			}
			if models, err := c.Models(t.Context(), acme); err == nil || models != nil {
				t.Errorf("got %v, %v; want no models", models, err)
			}
			test.fail(store, nil)
			if _, err := c.Model(t.Context(), acme, "large"); err != nil {
				t.Errorf("the failure was kept: %v", err)
			}
		})
	}
}

func TestCatalogue_parallel(t *testing.T) {
	c := New(operators, newMemory())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if _, err := c.Model(t.Context(), acme, "large"); err != nil {
					t.Error(err)
				}
				c.Forget()
			}
		})
	}
	group.Wait()
}
