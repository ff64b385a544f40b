package catalogue

import (
	"fmt"
	"strconv"

	"charm.land/catwalk/pkg/catwalk"
	"charm.land/catwalk/pkg/embedded"

	"github.com/sallyport-ai/sallyport"
)

// builtinVersion is the version of the module that the built-in prices come
// from; a test holds it to go.mod.
const builtinVersion = "v0.52.1"

// Builtin returns the models that are known for a provider's type, under their
// own names, with prices, served by the provider called providerName. Types
// without a list of their own return none.
func Builtin(providerType, providerName string) []sallyport.Model {
	var id catwalk.InferenceProvider
	switch providerType {
	case "openai":
		id = catwalk.InferenceProviderOpenAI
	case "anthropic":
		id = catwalk.InferenceProviderAnthropic
	case "gemini", "gemini-openai":
		id = catwalk.InferenceProviderGemini
	case "groq":
		id = catwalk.InferenceProviderGROQ
	default:
		return nil
	}
	var models []sallyport.Model
	for _, p := range embedded.GetAll() {
		if p.ID != id {
			continue
		}
		for _, m := range p.Models {
			models = append(models, builtin(m, providerName))
		}
	}
	return append(models, transcribers(providerType, providerName)...)
}

func builtin(m catwalk.Model, provider string) sallyport.Model {
	return sallyport.Model{
		ID: m.ID, DisplayName: m.Name, Provider: provider, Target: m.ID,
		ContextWindow: m.ContextWindow, OutputMax: m.DefaultMaxTokens,
		Images: m.SupportsImages, Reasons: m.CanReason,
		Price: sallyport.Price{
			Input:       rate(m.CostPer1MIn),
			Output:      rate(m.CostPer1MOut),
			CachedInput: rate(cacheRead(m)),
			CacheWrite:  rate(cacheWrite(m)),
			Version:     "catwalk-" + builtinVersion,
		},
	}
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
