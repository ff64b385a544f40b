package wire

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// How much to think is told in words by some services and in tokens by others, and
// not every model can be told. It is a hint: a model that is in no table here, and a
// request with which thinking would be refused, go without.

// claude is how a generation of Anthropic's models is told how much to think.
type claude struct {
	names   []string
	efforts []string // of output_config.effort; none: it has a budget of tokens
}

// claudes are the generations that can be told. Which models know effort, and which
// levels at least: https://platform.claude.com/docs/en/build-with-claude/effort; which have a
// budget: https://platform.claude.com/docs/en/build-with-claude/extended-thinking.
var claudes = []claude{
	{[]string{"claude-3-7-sonnet", "claude-sonnet-4", "claude-opus-4", "claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"}, nil},
	{[]string{"claude-opus-4-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5", "claude-fable-5-1", "claude-mythos-5-1", "claude-fable-5-2", "claude-mythos-5-2"}, []string{"low", "medium", "high"}},
	{[]string{"claude-opus-4-6", "claude-sonnet-4-6", "claude-mythos-preview"}, []string{"low", "medium", "high", "max"}},
	{[]string{"claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-fable-5", "claude-mythos-5"}, []string{"low", "medium", "high", "xhigh", "max"}},
}

// budgets are in tokens what words of OpenAI mean, as Google reads them
// (https://ai.google.dev/gemini-api/docs/openai). Over 32,000 Anthropic advises
// against.
var budgets = map[string]int64{"minimal": budgetMin, "low": budgetMin, "medium": 8_192, "high": 24_576, "xhigh": 32_000, "max": 32_000}

// budgetMin is the least that Anthropic takes.
const budgetMin = 1_024

// reasoners are OpenAI's models that take reasoning_effort low, medium and high in
// chat completions, also beside tools: https://platform.openai.com/docs/guides/reasoning.
// Others refuse it.
var reasoners = []string{"o1", "o3", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.1"}

// ToldClaude is how a model of Anthropic behind a provider of that dialect is told
// how much to think: by a word of output_config.effort, or by a budget of tokens
// below the answer's bound. At most one of them is set.
func ToldClaude(req *llm.Request, dialect llm.Dialect, target string, outputMax int64) (effort string, budget int64) {
	asked := req.Settings.HowMuch()
	at := slices.IndexFunc(claudes, func(c claude) bool {
		return slices.ContainsFunc(c.names, func(n string) bool { return names(target, n) })
	})
	if at < 0 {
		return "", 0
	}
	if known := claudes[at].efforts; known != nil {
		return nearest(asked, known), 0
	}
	budget = min(budgets[asked], outputMax/2) // an answer needs room, too
	if own := req.Settings.ThinkingMax; req.Settings.Effort.IsNull() && own > 0 && own < outputMax {
		budget = own
	}
	if budget < budgetMin || !mayThink(req, dialect, target) {
		return "", 0
	}
	return "", budget
}

// nearest is the word itself, or the closest one below it that is known.
func nearest(asked string, known []string) string {
	switch {
	case asked == "none", asked == "minimal":
		return "low"
	case slices.Contains(known, asked):
		return asked
	case asked == "xhigh", asked == "max":
		return "high"
	}
	return ""
}

// mayThink says that nothing in the request makes Anthropic refuse a budget: see
// the same page, and https://platform.claude.com/docs/en/build-with-claude/thinking.
func mayThink(req *llm.Request, dialect llm.Dialect, target string) bool {
	s := req.Settings
	if !s.TopK.IsNull() || !between(s.Temperature, 1) || !between(s.TopP, 0.95) {
		return false
	}
	if mode := req.ToolChoice.Mode; mode == "required" || mode == "named" {
		return false
	}
	for i, m := range req.Messages {
		if m.Role != llm.RoleAssistant {
			continue
		}
		if i == len(req.Messages)-1 {
			return false // the answer is begun
		}
		parts := Proven(m.Parts, dialect, target)
		calls := slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind == llm.ToolCallPart })
		if calls && parts[0].Kind != llm.ThinkingPart {
			return false
		}
	}
	return true
}

// between says that a setting is not there, or from least to 1.
func between(v llm.Value, least float64) bool {
	if v.IsNull() {
		return true
	}
	n, err := strconv.ParseFloat(string(v.Raw()), 64)
	return err == nil && n >= least && n <= 1
}

// ToldOpenAI is the reasoning_effort with which a model of OpenAI is told what a
// client of Anthropic asks; "": nothing. Those send it with every call, also for
// models that do not reason.
func ToldOpenAI(req *llm.Request, target string) string {
	asked := req.Settings.HowMuch()
	if asked == "" || !slices.ContainsFunc(reasoners, func(n string) bool { return names(target, n) }) {
		return ""
	}
	return nearest(asked, []string{"low", "medium", "high"})
}

// names says that target is the model of that name: of eu.anthropic.claude-opus-4-5-
// 20251101-v1:0 the name is claude-opus-4-5, and neither claude-opus-4 nor opus.
func names(target, name string) bool {
	at := strings.Index(target, name)
	if at < 0 || at > 0 && !strings.ContainsRune("./", rune(target[at-1])) {
		return false
	}
	rest := target[at+len(name):]
	if rest == "" || rest[0] == '@' || rest[0] == ':' {
		return true
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(rest, "-"), "-")
	next, _, _ = strings.Cut(next, ":")
	switch {
	case rest[0] != '-':
		return false
	case next == "latest", len(next) > 1 && next[0] == 'v' && strings.Trim(next[1:], "0123456789") == "":
		return true
	}
	// A date: 20251101, or the year of 2025-11-01.
	return (len(next) == 8 || len(next) == 4) && strings.Trim(next, "0123456789") == ""
}
