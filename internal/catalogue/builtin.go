package catalogue

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"charm.land/catwalk/pkg/catwalk"
	"charm.land/catwalk/pkg/embedded"

	"github.com/sallyport-ai/sallyport"
)

// builtinVersion is the version of the module that the built-in facts and prices come
// from, and builtinDate the day on which it was published; a test holds them to go.mod.
const (
	builtinVersion = "v0.52.1"
	builtinDate    = "2026-08-19"
	builtinSource  = "https://github.com/charmbracelet/catwalk/blob/" + builtinVersion + "/internal/providers/configs/"
)

// Builtin returns the models that are known for a provider's type, under their
// own names, with prices, served by the provider called providerName. Types
// without a list of their own return none.
func Builtin(providerType, providerName string) (models []sallyport.Model) {
	switch providerType {
	case "openai", "anthropic", "gemini", "gemini-openai", "groq":
		for _, m := range known(providerType) {
			models = append(models, builtin(m, providerType, providerName))
		}
	}
	return append(models, transcribers(providerType, providerName)...)
}

// Known returns what is known of the model that providers of a type call target, with
// its price; false when that is not known.
func Known(providerType, target string) (sallyport.Model, bool) {
	for _, m := range transcribers(providerType, "") {
		if m.Target == target {
			return m, true
		}
	}
	all := known(providerType)
	i := slices.IndexFunc(all, func(m catwalk.Model) bool { return m.ID == target })
	if i < 0 || all[i].CostPer1MIn <= 0 || all[i].CostPer1MOut <= 0 {
		return sallyport.Model{}, false
	}
	return builtin(all[i], providerType, ""), true
}

// lists are the built-in lists of each type of provider.
var lists = map[string][]catwalk.InferenceProvider{
	"openai":        {catwalk.InferenceProviderOpenAI},
	"anthropic":     {catwalk.InferenceProviderAnthropic},
	"gemini":        {catwalk.InferenceProviderGemini},
	"gemini-openai": {catwalk.InferenceProviderGemini},
	"groq":          {catwalk.InferenceProviderGROQ},
	"xai":           {catwalk.InferenceProviderXAI},
	"deepseek":      {catwalk.InferenceProviderDeepSeek},
	"openrouter":    {catwalk.InferenceProviderOpenRouter},
	"bedrock":       {catwalk.InferenceProviderBedrock, catwalk.InferenceProviderBedrockEurope},
}

// embeddedLists reads all lists: once, for it is more than half a megabyte of JSON, and a provider's
// offers are looked up one by one.
var embeddedLists = sync.OnceValue(embedded.GetAll)

func known(providerType string) (models []catwalk.Model) {
	for _, p := range embeddedLists() {
		if slices.Contains(lists[providerType], p.ID) {
			models = append(models, p.Models...)
		}
	}
	return models
}

func builtin(m catwalk.Model, providerType, provider string) sallyport.Model {
	return sallyport.Model{
		ID: m.ID, DisplayName: m.Name, Provider: provider, Target: m.ID, Type: sallyport.ChatModel,
		ContextWindow: m.ContextWindow, OutputMax: m.DefaultMaxTokens,
		Abilities: sallyport.AbilitiesOf(func(a sallyport.Ability) bool { return can(m, providerType, a) }),
		Facts:     sallyport.Facts{At: day(builtinDate), Source: builtinSource + string(lists[providerType][0]) + ".json"},
		Price: sallyport.Price{
			Input:       rate(m.CostPer1MIn),
			Output:      rate(m.CostPer1MOut),
			CachedInput: rate(cacheRead(m)),
			CacheWrite:  rate(cacheWrite(m)),
			Version:     "catwalk-" + builtinVersion,
		},
	}
}

// can says what a built-in model can do. The list is of models for coding agents, which
// call tools and stream, and says which take pictures and which think; the rest is
// what the providers say of their models as a whole:
//
//   - OpenAI https://developers.openai.com/api/docs/guides/pdf-files and
//     .../guides/structured-outputs, without the models that are called pro, which have
//     exceptions of their own;
//   - Anthropic https://platform.claude.com/docs/en/build-with-claude/pdf-support, and
//     .../structured-outputs, which the models of May 2025 do not have;
//   - Google https://ai.google.dev/gemini-api/docs/models.
func can(m catwalk.Model, providerType string, a sallyport.Ability) bool {
	pro := strings.HasSuffix(m.ID, "-pro") && providerType == "openai"
	switch a {
	case sallyport.Tools:
		return true
	case sallyport.Streams:
		return !pro
	case sallyport.Images:
		return m.SupportsImages
	case sallyport.Reasons:
		return m.CanReason
	case sallyport.Documents:
		return m.SupportsImages && slices.Contains([]string{"openai", "anthropic", "gemini"}, providerType)
	case sallyport.Audio:
		return providerType == "gemini"
	case sallyport.Structured:
		return providerType == "openai" && !pro || providerType == "gemini" ||
			providerType == "anthropic" && !strings.HasSuffix(m.ID, "-20250514")
	}
	return false
}

func day(date string) time.Time {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(fmt.Sprintf("built-in price list: %v", err))
	}
	return at
}

// cacheRead is the price of a token read from a provider's cache. The list is
// not of one mind in which of its two fields that stands, so it is known by
// being lower than the plain price; where both are, the higher one is taken.
// A list that names none has no discount.
func cacheRead(m catwalk.Model) float64 {
	read := 0.0
	for _, price := range [...]float64{m.CostPer1MInCached, m.CostPer1MOutCached} {
		if price < m.CostPer1MIn {
			read = max(read, price)
		}
	}
	if read == 0 {
		return m.CostPer1MIn
	}
	return read
}

// cacheWrite is the price of a token written to the cache. It is above the
// plain price, or there is none and the plain price counts.
func cacheWrite(m catwalk.Model) float64 { return max(m.CostPer1MIn, m.CostPer1MInCached) }

// rate rounds away what floating point left of a decimal. A price that is none
// is a mistake in the built-in list, which a test reads as a whole.
func rate(price float64) sallyport.Rate {
	r, err := sallyport.ParseRate(strconv.FormatFloat(price, 'f', 6, 64))
	if err != nil {
		panic(fmt.Sprintf("built-in price list: %v", err))
	}
	return r
}
