package catalogue

import "github.com/sallyport-ai/sallyport"

// transcribersVersion names the prices of transcribers, transcribersDate and
// transcribersSource say of when and from where they are.
const (
	transcribersVersion = "openai-2026-04"
	transcribersDate    = "2026-04-01"
	transcribersSource  = "https://platform.openai.com/docs/pricing"
)

// transcribers returns the models that turn sound into text, which the list of chat
// models does not have: OpenAI's, at its list prices. What a prompt of text costs is less than
// sound there; it is charged as sound, for it is a thousand tokens at most.
func transcribers(providerType, provider string) []sallyport.Model {
	if providerType != "openai" {
		return nil
	}
	facts := sallyport.Facts{At: day(transcribersDate), Source: transcribersSource}
	byTokens := func(id, name string, input, output float64) sallyport.Model {
		return sallyport.Model{
			ID: id, DisplayName: name, Provider: provider, Target: id, Type: sallyport.TranscriptionModel, Facts: facts,
			ContextWindow: 16_000, OutputMax: 2_000,
			Price: sallyport.Price{Input: rate(input), CachedInput: rate(input), CacheWrite: rate(input), Output: rate(output), Version: transcribersVersion},
		}
	}
	return []sallyport.Model{
		byTokens("gpt-4o-transcribe", "GPT-4o Transcribe", 6, 10),
		byTokens("gpt-4o-mini-transcribe", "GPT-4o mini Transcribe", 3, 5),
		{
			ID: "whisper-1", DisplayName: "Whisper", Provider: provider, Target: "whisper-1",
			Type: sallyport.TranscriptionModel, Facts: facts,
			Price: sallyport.Price{Second: sallyport.SecondOf(rate(0.006)), Version: transcribersVersion},
		},
	}
}
