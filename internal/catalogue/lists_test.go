package catalogue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// listMemory keeps one list, as the store does.
type listMemory struct {
	list         sallyport.ProviderList
	saves, notes int
	records      []string
}

func (m *listMemory) ProviderLists(context.Context, sallyport.OrgID) ([]sallyport.ProviderList, error) {
	return []sallyport.ProviderList{m.list}, nil
}

func (m *listMemory) ClaimProviderList(_ context.Context, _ sallyport.OrgID, _ string, at, before time.Time) (bool, error) {
	if m.list.AskedAt.After(before) {
		return false, nil
	}
	m.list.AskedAt = at
	return true, nil
}

func (m *listMemory) SaveProviderList(_ context.Context, l sallyport.ProviderList, to sallyport.OrgID, rec sallyport.Record) error {
	m.list = l
	m.saves++
	if to != "" {
		m.records = append(m.records, rec.Action)
	}
	return nil
}

func (m *listMemory) NoteProviderList(_ context.Context, l sallyport.ProviderList) error {
	m.list.AskedAt, m.list.ListedAt, m.list.Failure = l.AskedAt, l.ListedAt, l.Failure
	m.notes++
	return nil
}

func offers(names ...string) (all []sallyport.ModelOffer) {
	for _, n := range names {
		all = append(all, sallyport.ModelOffer{Target: n})
	}
	return all
}

// Who asks by the clock stores and records only what is otherwise than before.
func TestRefreshDue(t *testing.T) {
	store := &listMemory{list: sallyport.ProviderList{Org: acme, Provider: "p"}}
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var says sallyport.ProviderList
	var broken error
	asked := 0
	lists := NewLists(store, func(context.Context, sallyport.OrgID, string) (sallyport.ProviderList, error) {
		asked++
		return says, broken
	}, func() time.Time { return now })
	due := func() Refreshed {
		t.Helper()
		var told Refreshed
		now = now.Add(25 * time.Hour)
		if _, err := lists.RefreshDue(t.Context(), acme, "p", 24*time.Hour, func(r Refreshed) sallyport.Record {
			told = r
			return sallyport.Record{Action: strings.Join(slices.Concat(r.New, []string{"/"}, r.Vanished), " ") + r.Failed}
		}); !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
		return told
	}
	wants := func(step string, models string, saves, notes int, records ...string) {
		t.Helper()
		var names []string
		for _, m := range store.list.Models {
			names = append(names, m.Target)
		}
		if got := strings.Join(names, " "); got != models || store.saves != saves || store.notes != notes || !slices.Equal(store.records, records) {
			t.Errorf("%s: models %q, %d saves, %d notes, records %q; want %q, %d, %d, %q", step, got, store.saves, store.notes, store.records, models, saves, notes, records)
		}
	}
	says.Models = offers("b", "a")
	due()
	wants("first", "a b", 1, 0, "a b /")
	says.Models = offers("a", "b")
	due()
	wants("the same", "a b", 1, 1, "a b /")
	says.Models = offers("c", "b")
	due()
	wants("changed", "b c", 2, 1, "a b /", "c / a")
	says = sallyport.ProviderList{Failure: "tls"}
	listed := store.list.ListedAt
	due()
	wants("failed", "b c", 3, 1, "a b /", "c / a", "/tls")
	due()
	wants("failed again", "b c", 3, 2, "a b /", "c / a", "/tls")
	if !store.list.ListedAt.Equal(listed) || store.list.Failure != "tls" {
		t.Errorf("after failures the list is %+v", store.list)
	}
	broken = errors.New("no such provider")
	due()
	if before := asked; before != 6 {
		t.Errorf("it was asked %d times, want 6", asked)
	}
	if did, err := lists.RefreshDue(t.Context(), acme, "p", 24*time.Hour, nil); did || err != nil || asked != 6 {
		t.Errorf("before its time: %v, %v", did, err)
	}
}

func TestVanished(t *testing.T) {
	l := sallyport.ProviderList{ListedAt: time.Now(), Models: offers("claude-x-20250101", "anthropic.claude-v1:0", "gpt")}
	for target, want := range map[string]bool{
		"gpt": false, "gpt-2": true, "claude-x-20250101": false, "claude-x": false, "claude": true, "eu.anthropic.claude-v1:0": false,
		"eu.anthropic.claude-v2:0": true, "arn:aws:bedrock:eu:1:inference-profile/x": false, "mistral-latest": false, "": true,
	} {
		if got := Vanished(l, target); got != want {
			t.Errorf("%s: vanished %v, want %v", target, got, want)
		}
	}
	for _, unknown := range []sallyport.ProviderList{{}, {ListedAt: time.Now(), Partial: true}} {
		if Vanished(unknown, "gpt") {
			t.Errorf("by the list %+v something vanished", unknown)
		}
	}
}

// What has no price cannot be called, and is listed for nobody but administrators.
func TestModel_without_price(t *testing.T) {
	m := newMemory()
	m.models[acme] = []sallyport.Model{{ID: "found", Price: sallyport.Price{Unknown: true}}}
	c := New(operators, m)
	if _, err := c.Model(t.Context(), acme, "found"); sallyport.CodeOf(err) != sallyport.ModelAccessDenied || !strings.Contains(err.Error(), "costs") {
		t.Errorf("a call: %v", err)
	}
	if got := ids(t, c, acme); got != "large shared" {
		t.Errorf("listed are %q", got)
	}
	if all, err := c.All(t.Context(), acme); err != nil || !slices.ContainsFunc(all, func(m sallyport.Model) bool { return m.ID == "found" }) {
		t.Errorf("administrators see %+v, %v", all, err)
	}
}
