package provider_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func newProvider(t *testing.T, cfg provider.Config) provider.Provider {
	t.Helper()
	p, err := provider.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestOpenAI(t *testing.T) {
	open := func(t *testing.T, cfg provider.Config) provider.Provider {
		cfg.Type = "openai"
		return newProvider(t, cfg)
	}
	providertest.Run(t, open)
	t.Run("messages", func(t *testing.T) { providertest.RunMessages(t, open) })
}
