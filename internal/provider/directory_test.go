package provider

import (
	"context"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// settings are the providers of every organisation.
type settings []sallyport.ProviderSettings

func (s *settings) Providers(context.Context, sallyport.OrgID) ([]sallyport.ProviderSettings, error) {
	return *s, nil
}

// Whatever changes elsewhere, a provider that is as it was stays the same one: its
// connections and its health are not forgotten. One that was changed, or is gone, is
// not kept.
func TestDirectory_Forget(t *testing.T) {
	t.Parallel()
	rows := settings{
		{Org: "acme", Name: "a", Type: "openai", BaseURL: "https://a.test/v1", Credential: []byte("1")}, {Org: "acme", Name: "b", Type: "openai", Credential: []byte("1")},
	}
	opened := 0
	d, err := NewDirectory(nil, &rows, func(context.Context, sallyport.ProviderSettings) (secret.Text, error) {
		opened++
		return "k", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) Provider {
		t.Helper()
		p, err := d.Provider(t.Context(), "acme", name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := get("a"), get("b")
	d.Forget()
	if get("a") != a || get("b") != b || opened != 2 {
		t.Errorf("what was not changed was made anew; %d credentials were opened", opened)
	}
	rows[0].Credential, rows[1].BaseURL = []byte("2"), "https://b.test/v1"
	d.Forget()
	if get("a") == a || get("b") == b {
		t.Error("what was changed is what it was")
	}
	rows = nil
	d.Forget()
	if _, err := d.Provider(t.Context(), "acme", "a"); err == nil {
		t.Error("what was deleted can be used")
	}
}
