package config

import (
	"strings"
	"testing"
)

// A key that is not there is told and no reason not to start.
func TestWarnings(t *testing.T) {
	c := mustLoad(t, quickstartFile)
	got := c.Warnings()
	if len(got) != 1 || !strings.HasPrefix(got[0], "providers.local.api_key: the variable LOCAL_KEY is not set") {
		t.Errorf("got warnings %q, want one that names field and variable", got)
	}
	if key := c.Providers[0].APIKey.Reveal(); key != "" {
		t.Errorf("got the key %q, want none", key)
	}
	if got := mustLoad(t, quickstartFile, "LOCAL_KEY=k").Warnings(); len(got) != 0 {
		t.Errorf("got warnings %q with the variable set, want none", got)
	}
}
