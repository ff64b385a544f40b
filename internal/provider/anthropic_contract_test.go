package provider_test

import (
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func TestAnthropicContract(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T, cfg provider.Config) provider.Provider {
		t.Helper()
		cfg.Type = "anthropic"
		return newProvider(t, cfg)
	})
}
