package catalogue

import (
	"os"
	"os/exec"
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
				if !m.Can(sallyport.Tools) && m.Serves() == sallyport.ChatModel || m.Facts.At.IsZero() || !strings.HasPrefix(m.Facts.Source, "https://") {
					t.Errorf("%s: its facts are %+v", m.ID, m)
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

// What a list of a provider found is known by its type; a price of nothing is none.
func TestKnown(t *testing.T) {
	for kind, target := range map[string]string{
		"openai": "gpt-4o-mini", "bedrock": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "xai": "grok-4.3", "openrouter": "anthropic/claude-sonnet-4.5",
	} {
		if m, ok := Known(kind, target); !ok || m.Target != target || m.Price.Input <= 0 || m.Price.Output <= 0 {
			t.Errorf("%s at %s: got %+v, %v", target, kind, m, ok)
		}
	}
	for kind, target := range map[string]string{"openai": "gpt-none", "vllm": "gpt-4o-mini", "openrouter": "cohere/north-mini-code:free"} {
		if m, ok := Known(kind, target); ok {
			t.Errorf("%s at %s: got %+v, want nothing", target, kind, m)
		}
	}
}

// The day is the one on which the version was published.
func TestBuiltinDate(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Time.Format \"2006-01-02\"}}", "charm.land/catwalk").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != builtinDate {
		t.Errorf("%s was published on %s, not on %s", builtinVersion, got, builtinDate)
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
