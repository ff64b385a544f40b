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
