package provider_test

import (
	"cmp"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

func newProvider(t *testing.T, cfg provider.Config) provider.Provider {
	t.Helper()
	p, err := provider.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func TestOpenAI(t *testing.T) {
	t.Parallel()
	providertest.Run(t, openAs("openai"))
	t.Run("messages", func(t *testing.T) { providertest.RunMessages(t, openAs("openai")) })
}

// OpenAI gets requests of the responses dialect as they came, others what they
// mean in the chat dialect.
func TestOpenAI_responses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"openai", "groq"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.RunResponses(t, openAs(kind))
		})
	}
}

func openAs(kind string) providertest.Open {
	return func(t *testing.T, cfg provider.Config) provider.Provider {
		t.Helper()
		cfg.Type = kind
		return newProvider(t, cfg)
	}
}

// Without [DONE], an answer is complete where every choice has ended and the body too.
func TestOpenAI_endsWithoutMark(t *testing.T) {
	t.Parallel()
	const (
		first  = `data: {"choices":[{"index":0,"delta":{"content":"a"}}]}` + "\n\n"
		second = `data: {"choices":[{"index":1,"delta":{"role":"assistant"}}]}` + "\n\n"
		end    = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
		rest   = `data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}` + "\n\n"
		usage  = `data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}` + "\n\n"
	)
	for name, row := range map[string]struct {
		answer providertest.Answer
		code   sallyport.Code
	}{
		"two_choices":            {providertest.Answer{Frames: []string{first, second, end, rest}}, ""},
		"usage_in_between":       {providertest.Answer{Frames: []string{first, end, usage}}, ""},
		"a_choice_without_end":   {providertest.Answer{Frames: []string{first, second, end, usage}}, sallyport.UpstreamClosed},
		"no_choice":              {providertest.Answer{Frames: []string{usage}}, sallyport.UpstreamClosed},
		"cut_after_the_end":      {providertest.Answer{Frames: []string{first, end}, Fault: providertest.Close, After: 2}, sallyport.UpstreamClosed},
		"cut_within_the_last":    {providertest.Answer{Frames: []string{first, end[:len(end)-1]}}, sallyport.UpstreamClosed},
		"an_error_after_the_end": {providertest.Answer{Frames: []string{first, end}, Fault: providertest.ErrorEvent, After: 2}, sallyport.UpstreamError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := providertest.New(t)
			p := newProvider(t, provider.Config{Name: "fake", Type: "openai", BaseURL: fake.URL, AllowPrivate: true})
			row.answer.Fault = cmp.Or(row.answer.Fault, providertest.Unmarked)
			fake.Queue(row.answer)
			var heard providertest.Heard
			_, err := p.Do(t.Context(), "m", providertest.Ask(t, "hi", true), heard.Sink())
			if got := sallyport.CodeOf(err); err != nil && got != row.code || (err == nil) != (row.code == "") {
				t.Errorf("got %v, want %q", err, row.code)
			}
			if (heard.Dones == 1) != (row.code == "") {
				t.Errorf("got %d success ends", heard.Dones)
			}
		})
	}
}
