package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/gateway"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/provider"
)

// A test tells whether calls would succeed, and if not at which step they fail.

// The bounds of a test of a model. A few tokens more than one: models that think
// refuse to answer in one.
const (
	modelTestTime   = 30 * time.Second
	modelTestOutput = 16
	modelTestPrompt = "Reply with OK."
	// wordsMax bounds what is told of a provider's own words.
	wordsMax = 500
)

type probeView struct {
	OK      bool     `json:"ok"`
	Failed  string   `json:"failed,omitempty" doc:"The step that failed: dns, address, connection, tls, timeout, unauthorized, rate_limited, no_list, status or answer"`
	Message string   `json:"message" doc:"What that means, and what to do"`
	Status  int      `json:"status,omitempty" doc:"The provider's HTTP status"`
	MS      int64    `json:"ms"`
	Models  []string `json:"models" doc:"The provider's own names, of which one is a model's target"`
}

type modelTestView struct {
	OK        bool   `json:"ok"`
	Failed    string `json:"failed,omitempty" doc:"A step as for a provider, or the code with which the call was refused here"`
	Message   string `json:"message"`
	Status    int    `json:"status,omitempty" doc:"The provider's HTTP status"`
	MS        int64  `json:"ms"`
	Answer    string `json:"answer" doc:"The beginning of what the model wrote"`
	Charge    string `json:"charge,omitempty" doc:"Credits, a decimal number in text: a test costs what any call costs"`
	Tokens    int64  `json:"tokens"`
	RequestID string `json:"request_id"`
}

// controlProbes tests providers and models.
func (s *Server) controlProbes(api huma.API) {
	huma.Register(api, operation("testProvider", "providers.test", http.MethodPost, "/providers/{name}/test", "Ask a provider for its list of models"),
		func(ctx context.Context, in *namePath) (*body[probeView], error) {
			return reply(attempt(s, ctx, func(p sallyport.Principal) (probeView, error) { return s.testProvider(ctx, p, in.Name) }))
		})
	huma.Register(api, operation("testModel", "models.test", http.MethodPost, "/models/test", "Make the smallest call to a model; it is charged"),
		func(ctx context.Context, in *modelQuery) (*body[modelTestView], error) {
			return reply(s.testModel(ctx, in.ID))
		})
}

// testProvider records what came of it: it went out, although nothing changed.
func (s *Server) testProvider(ctx context.Context, p sallyport.Principal, name string) (probeView, error) {
	known, err := s.allProviders(ctx, p)
	if _, err := theOne("provider", known, err, func(v providerView) bool { return v.Name == name }); err != nil {
		return probeView{}, err
	}
	result, err := s.parts.Probe(ctx, p.Org, name)
	if err != nil {
		return probeView{}, err
	}
	view := probeView{
		OK: result.Failure == "", Failed: string(result.Failure), Message: result.Failure.Meaning(),
		Status: result.Status, MS: result.Took.Milliseconds(), Models: make([]string, len(result.Models)),
	}
	for i, m := range result.Models {
		view.Models[i] = m.Target
	}
	return view, s.record(ctx, p.Org, s.event(ctx, "provider/"+name, map[string]any{
		"ok": view.OK, "failed": view.Failed, "status": view.Status, "ms": view.MS,
	}))
}

// testModel goes the road of every call: limits, DLP, budgets and credits hold,
// and it leaves the pair of records that every call leaves.
func (s *Server) testModel(ctx context.Context, id string) (modelTestView, error) {
	request, err := s.modelTest(ctx, id)
	if err != nil {
		return modelTestView{}, controlError(err)
	}
	call := &gateway.Call{Call: *CallOf(ctx), Request: request}
	call.Requested = request.Model
	limited, cancel := context.WithTimeoutCause(ctx, modelTestTime, sallyport.NewError(sallyport.UpstreamTimeout, "The provider did not answer in time."))
	defer cancel()
	var text strings.Builder
	err = s.survive(&call.Call, func() error {
		return s.parts.Gateway.Do(limited, call, func(e *llm.Event) error {
			for _, d := range e.Deltas {
				if d.Kind == llm.TextDelta && text.Len() < wordsMax {
					text.WriteString(d.Text.Text())
				}
			}
			return nil
		})
	})
	switch sallyport.CodeOf(err) {
	case sallyport.ModelNotFound, sallyport.AuditUnavailable:
		return modelTestView{}, controlError(err)
	}
	view := modelTestView{
		OK: err == nil, MS: s.parts.Now().Sub(call.StartedAt).Milliseconds(), RequestID: call.RequestID,
		Answer: clipped(text.String()), Tokens: call.Usage.Total(), Message: "The model answers.",
	}
	if charge, cerr := call.Model.Price.Cost(call.Usage); cerr == nil && call.Admitted && call.UsageKnown {
		view.Charge = charge.String()
	}
	if err != nil {
		view.Failed, view.Status, view.Message = testFailure(call, err)
	}
	return view, nil
}

// modelTest is the smallest request. OpenAI's newer models refuse max_tokens, and
// many compatible services know nothing else.
func (s *Server) modelTest(ctx context.Context, id string) (*llm.Request, error) {
	bound, err := s.outputBound(ctx, CallOf(ctx).Principal, id)
	if err != nil {
		return nil, err
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	text, err := json.Marshal(map[string]any{
		"model": id, bound: modelTestOutput, "messages": []message{{"user", modelTestPrompt}},
	})
	if err != nil {
		return nil, err
	}
	return chat.Decode(text)
}

// outputBound is the name of the bound of an answer where the model is served.
func (s *Server) outputBound(ctx context.Context, p sallyport.Principal, id string) (string, error) {
	models, err := s.parts.Models.All(ctx, p.Org)
	if err != nil {
		return "", err
	}
	providers, err := s.allProviders(ctx, p)
	if err != nil {
		return "", err
	}
	for _, m := range models {
		for _, v := range providers {
			if m.ID == id && v.Name == m.Provider && (v.Type == "openai" || v.Type == "azure") {
				return "max_completion_tokens", nil
			}
		}
	}
	return "max_tokens", nil
}

// testFailure tells a failed call by its step when it came as far as the
// provider, else by its code; with the provider's own words where it had some.
func testFailure(call *gateway.Call, err error) (failed string, status int, message string) {
	told, _ := outside(err)
	if len(call.Attempts) == 0 {
		return string(sallyport.CodeOf(err)), 0, told.Message
	}
	status = call.Attempts[len(call.Attempts)-1].Status
	var refused *llm.UpstreamError
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		return string(provider.RateLimited), status, providerWords(refused, told.Message)
	case errors.As(err, &refused):
		return string(provider.BadStatus), status, providerWords(refused, told.Message)
	}
	f := provider.FailureOf(err)
	if f == provider.BadAnswer {
		return string(f), status, told.Message
	}
	return string(f), status, f.Meaning()
}

// providerWords are the beginning of what the provider said, or ours where it said
// nothing; DLP has seen it, and our credential is not in it.
func providerWords(e *llm.UpstreamError, ours string) string {
	if len(e.Body) == 0 {
		return ours
	}
	var known struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(e.Body, &known) == nil && known.Error.Message != "" {
		return "The provider says: " + clipped(known.Error.Message)
	}
	return "The provider says: " + clipped(string(e.Body))
}

func clipped(text string) string {
	if len(text) <= wordsMax {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:wordsMax], "") + "…"
}
