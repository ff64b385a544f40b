package provider_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

type rows []sallyport.ProviderSettings

func (r rows) Providers(context.Context, sallyport.OrgID) ([]sallyport.ProviderSettings, error) {
	return r, nil
}

// A stored provider that is broken is told of once and stands in nobody's way.
func TestDirectory_brokenRow(t *testing.T) {
	t.Parallel()
	store := rows{
		{Name: "sealed-elsewhere", Type: "openai", Credential: []byte("?")},
		{Name: "of-a-type-that-was", Type: "steam"},
		{Name: "good", Type: "openai"},
	}
	var log strings.Builder
	d, err := provider.NewDirectory(nil, store, func(_ context.Context, s sallyport.ProviderSettings) (secret.Text, error) {
		if s.Credential != nil {
			return "", errors.New("another key sealed it")
		}
		return "a-credential", nil
	}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if p, err := d.Provider(t.Context(), "org", "good"); err != nil || p == nil {
			t.Errorf("the good one: got %v, %v", p, err)
		}
		for name, why := range map[string]string{"sealed-elsewhere": "another key sealed it", "of-a-type-that-was": "is unknown", "none": ""} {
			_, err := d.Provider(t.Context(), "org", name)
			if sallyport.CodeOf(err) != sallyport.Internal || (why != "") != strings.Contains(causes(err), "stored") || !strings.Contains(causes(err), why) {
				t.Errorf("%s: got %s", name, causes(err))
			}
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 2 {
		t.Errorf("the log tells of %d: %s", n, log.String())
	}
}

// causes is an error with all that it wraps.
func causes(err error) (all string) {
	for ; err != nil; err = errors.Unwrap(err) {
		all += err.Error() + "; "
	}
	return all
}

// Whatever changes elsewhere, a provider that is as it was stays the same one: its
// connections and its health are not forgotten. One that was changed, or is gone, is
// not kept.
func TestDirectory_Forget(t *testing.T) {
	t.Parallel()
	store := rows{
		{Org: "acme", Name: "a", Type: "openai", BaseURL: "https://a.test/v1", Credential: []byte("1")}, {Org: "acme", Name: "b", Type: "openai", Credential: []byte("1")},
	}
	opened := 0
	d, err := provider.NewDirectory(nil, &store, func(context.Context, sallyport.ProviderSettings) (secret.Text, error) {
		opened++
		return "k", nil
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) provider.Provider {
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
	store[0].Credential, store[1].BaseURL = []byte("2"), "https://b.test/v1"
	d.Forget()
	if get("a") == a || get("b") == b {
		t.Error("what was changed is what it was")
	}
	store = nil
	d.Forget()
	if _, err := d.Provider(t.Context(), "acme", "a"); err == nil {
		t.Error("what was deleted can be used")
	}
}
