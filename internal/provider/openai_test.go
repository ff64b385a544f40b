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
	t.Parallel()
	providertest.Run(t, openAs("openai"))
	t.Run("messages", func(t *testing.T) { providertest.RunMessages(t, openAs("openai")) })
}

// OpenAI gets requests of the responses dialect as they came, others what they
// mean in the chat dialect.
func TestOpenAI_responses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"openai", "groq"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.RunResponses(t, openAs(kind))
		})
	}
}

func openAs(kind string) providertest.Open {
	return func(t *testing.T, cfg provider.Config) provider.Provider {
		t.Helper()
		cfg.Type = kind
		return newProvider(t, cfg)
	}
}
