package catalogue

import (
	"os"
	"slices"
	"strings"
	"testing"

	"charm.land/catwalk/pkg/catwalk"

	"github.com/sallyport-ai/sallyport"
)

func TestBuiltin(t *testing.T) {
	for _, kind := range []string{"openai", "anthropic", "gemini", "groq"} {
		t.Run(kind, func(t *testing.T) {
			models := Builtin(kind, "mine")
			if len(models) == 0 {
				t.Fatal("no models")
			}
			seen := map[string]bool{}
			for _, m := range models {
				if m.ID == "" || m.DisplayName == "" || m.Provider != "mine" || m.Target == "" || seen[m.ID] {
					t.Errorf("incomplete, or there twice: %+v", m)
				}
				seen[m.ID] = true
				p := m.Price
				if p.Second == 0 && (p.Input <= 0 || p.Output <= 0 || p.CachedInput <= 0 || p.CachedInput > p.Input || p.CacheWrite < p.Input) {
					t.Errorf("%s: no sound price: %+v", m.ID, p)
				}
				if p.Version != "catwalk-"+builtinVersion && p.Version != transcribersVersion {
					t.Errorf("%s: price version %q", m.ID, p.Version)
				}
			}
		})
	}
}

func TestBuiltin_unknown_type(t *testing.T) {
	if models := Builtin("vllm", "mine"); models != nil {
		t.Errorf("got %v, want none", models)
	}
}

func TestBuiltin_known_prices(t *testing.T) {
	want := map[string]sallyport.Price{
		"claude-sonnet-4-5-20250929": {Input: 3_000_000, CachedInput: 300_000, CacheWrite: 3_750_000, Output: 15_000_000},
		"gpt-4o-mini":                {Input: 150_000, CachedInput: 75_000, CacheWrite: 150_000, Output: 600_000},
		"gpt-4.1-nano":               {Input: 100_000, CachedInput: 25_000, CacheWrite: 100_000, Output: 400_000},
	}
	for _, m := range append(Builtin("anthropic", "a"), Builtin("openai", "o")...) {
		price, ok := want[m.ID]
		if !ok {
			continue
		}
		delete(want, m.ID)
		price.Version = m.Price.Version
		if m.Price != price {
			t.Errorf("%s: got %+v, want %+v", m.ID, m.Price, price)
		}
	}
	for id := range want {
		t.Errorf("%s is not in the list", id)
	}
}

func TestCachePrices(t *testing.T) {
	for _, test := range []struct {
		name               string
		in, first, second  float64
		wantRead, wantWrit float64
	}{
		{"none", 5, 0, 0, 5, 5},
		{"writing and reading", 5, 6.25, 0.5, 0.5, 6.25},
		{"reading twice", 5, 0.5, 0.5, 0.5, 5},
		{"reading first", 5, 0.5, 0, 0.5, 5},
		{"reading second", 5, 0, 0.5, 0.5, 5},
		{"reading first, something else second", 5, 0.5, 25, 0.5, 5},
		{"two that differ", 5, 0.5, 1, 1, 5},
		{"free", 0, 0, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := catwalk.Model{CostPer1MIn: test.in, CostPer1MInCached: test.first, CostPer1MOutCached: test.second}
			if got := cacheRead(m); got != test.wantRead {
				t.Errorf("read: got %v, want %v", got, test.wantRead)
			}
			if got := cacheWrite(m); got != test.wantWrit {
				t.Errorf("write: got %v, want %v", got, test.wantWrit)
			}
		})
	}
}

// The version in the trail is the one that go.mod names.
func TestBuiltinVersion(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "charm.land/catwalk "+builtinVersion) {
		t.Errorf("go.mod has another version of charm.land/catwalk than %s", builtinVersion)
	}
}

// An hour of sound costs what the price list says of sixty minutes.
func TestBuiltin_transcription(t *testing.T) {
	models := Builtin("openai", "mine")
	at := slices.IndexFunc(models, func(m sallyport.Model) bool { return m.ID == "whisper-1" })
	if at < 0 {
		t.Fatal("there is no whisper-1")
	}
	if cost, err := models[at].Price.Cost(sallyport.Usage{AudioSeconds: 3600}); err != nil || cost != 360_000 || models[at].Provider != "mine" {
		t.Errorf("an hour costs %s, %v", cost, err)
	}
	if slices.ContainsFunc(Builtin("anthropic", "a"), func(m sallyport.Model) bool { return m.ID == "whisper-1" }) {
		t.Error("a provider without transcriptions has one")
	}
}
