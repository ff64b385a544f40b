package provider_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func TestGeminiContract(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gemini", "vertex"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T, cfg provider.Config) provider.Provider {
				t.Helper()
				cfg.Type = kind
				return newProvider(t, cfg)
			})
		})
	}
}
