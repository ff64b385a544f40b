package provider_test

import (
	"slices"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

const recordings = "testdata/recordings"

// Why a conversation with a kind of provider cannot be.
const (
	noFilter = "there is no filter: a refusal is a text like any other"
	noCache  = "what it keeps is its own memory, and it tells nothing of it"
	noKeys   = "it asks for no key"
	noLimits = "nobody limits it"
	noNet    = "it is in this program, and its faults are in its script: see offline_test.go"
	noImages = "none of its models sees"
)

// absent are the conversations that cannot be. Every kind has all the others.
var absent = map[string]map[string]string{
	"groq":     {"refusal": noFilter},
	"deepseek": {"images": noImages},
	"together": {"refusal": noFilter, "cache": noCache},
	"vllm":     {"refusal": noFilter, "429": noLimits},
	"ollama":   {"refusal": noFilter, "cache": noCache, "401": noKeys, "429": noLimits},
	"lmstudio": {"refusal": noFilter, "cache": noCache, "401": noKeys, "429": noLimits, "overloaded": noLimits},
}

// Each kind of provider speaks with its service as it was recorded, and a kind
// without recordings cannot be added.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for _, kind := range provider.Types() {
		t.Run(kind, func(t *testing.T) {
			if kind == "offline" {
				return // noNet
			}
			names := providertest.ReadRecordings(t, recordings, kind).Names()
			for _, name := range providertest.Cases {
				if has := slices.Contains(names, name); has == (absent[kind][name] != "") {
					t.Errorf("%s: recorded is %v, and the reason why not is %q", name, has, absent[kind][name])
				}
			}
			providertest.Replay(t, recordings, kind, openAs(kind))
		})
	}
}
