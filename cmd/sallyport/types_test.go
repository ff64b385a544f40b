package main

import (
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/config"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// TestProviderTypes: what the configuration lets through, the providers know.
func TestProviderTypes(t *testing.T) {
	if !slices.Equal(config.ProviderTypes, provider.Types()) {
		t.Errorf("the configuration knows %v, the providers %v", config.ProviderTypes, provider.Types())
	}
}
