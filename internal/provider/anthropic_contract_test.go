package provider_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func TestAnthropicContract(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, cfg provider.Config) provider.Provider {
		t.Helper()
		cfg.Type = "anthropic"
		return newProvider(t, cfg)
	}
	providertest.Run(t, open)
	t.Run("messages", func(t *testing.T) {
		t.Parallel()
		providertest.RunMessages(t, open)
	})
}
