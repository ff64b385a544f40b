package gemini

import "strings"

// generation is which of its models a name means: they differ in how they are told
// to think, and in what they demand of the history.
type generation int

// The generations. A name that tells nothing is taken for a model that knows
// nothing of thinking.
const (
	before25 generation = iota
	budgeted            // 2.5: thinks within a budget of tokens
	levelled            // 3 and later: thinks on a level, and signs its calls of tools
)

// generationOf reads a name such as gemini-2.5-pro, with or without a path before
// it. Names that end in -latest mean what is newest.
func generationOf(target string) generation {
	_, rest, ok := strings.Cut(target[strings.LastIndexByte(target, '/')+1:], "gemini-")
	switch {
	case !ok || rest == "":
		return before25
	case strings.HasSuffix(rest, "-latest"), rest[0] >= '3' && rest[0] <= '9', len(rest) > 1 && rest[0] == '1' && rest[1] >= '0' && rest[1] <= '9':
		return levelled
	case strings.HasPrefix(rest, "2.5"):
		return budgeted
	}
	return before25
}

type thinkingConfig struct {
	Budget  *int   `json:"thinkingBudget,omitempty"`
	Level   string `json:"thinkingLevel,omitempty"`
	Include bool   `json:"includeThoughts,omitempty"`
}

// Budgets in tokens, as Google's own OpenAI-compatible address reads the words for
// effort (https://ai.google.dev/gemini-api/docs/openai). budgetLeast is the least
// that the models named pro take: they cannot be kept from thinking.
const (
	budgetLeast  = 128
	budgetLow    = 1_024
	budgetMedium = 8_192
	budgetHigh   = 24_576
)

// thinking says how much to think. It is a hint: a word that is not known, or a
// model that does not think, makes nothing of it. Who asks for effort is told the
// thoughts, in summary.
func thinking(target, effort string) *thinkingConfig {
	switch generationOf(target) {
	case budgeted:
		return budget(effort, strings.Contains(target, "-pro"))
	case levelled:
		return level(effort, strings.Contains(target, "-flash"))
	}
	return nil
}

func budget(effort string, pro bool) *thinkingConfig {
	tokens := 0
	switch effort {
	case "none":
		if pro {
			tokens = budgetLeast
		}
	case "minimal", "low":
		tokens = budgetLow
	case "medium":
		tokens = budgetMedium
	case "high", "xhigh", "max":
		tokens = budgetHigh
	default:
		return nil
	}
	return &thinkingConfig{Budget: &tokens, Include: effort != "none"}
}

func level(effort string, flash bool) *thinkingConfig {
	word := effort
	switch effort {
	case "none", "minimal":
		if word = "low"; flash {
			word = "minimal"
		}
	case "low", "medium", "high":
	case "xhigh", "max":
		word = "high"
	default:
		return nil
	}
	return &thinkingConfig{Level: word, Include: effort != "none"}
}

// unsigned is what Google lets stand for the signature of a call of a tool that
// another model made (https://ai.google.dev/gemini-api/docs/thought-signatures).
// Without one its newer models refuse the history.
const unsigned = "skip_thought_signature_validator"
