package provider

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-ai/sallyport"
)

// NoListOf says why a provider of that type has no list of what can be called there;
// "" when it has one.
func NoListOf(providerType string) string {
	switch providerType {
	case "azure":
		return "With a resource's key Azure lists base models, not its deployments, and those are what calls name. Add a deployment by its name."
	case "vertex":
		return "Vertex AI has no list of the models that a project may call. Add a model by its name."
	case "offline":
		return "A script has no list of models."
	}
	return ""
}

// page is a page of a list of models, as one of the providers gives it.
type page struct {
	Data      listedModels `json:"data"`           // OpenAI and who is compatible, Anthropic
	Models    listedModels `json:"models"`         // Google
	Summaries listedModels `json:"modelSummaries"` // AWS

	HasMore bool   `json:"has_more"` // Anthropic
	LastID  string `json:"last_id"`
	Next    string `json:"nextPageToken"` // Google
}

// listedModel has what any of them tells of a model:
//
//   - OpenAI https://developers.openai.com/api/reference/resources/models/methods/list,
//     and of those that are compatible Groq (context_window, max_completion_tokens),
//     Mistral (max_context_length, capabilities), OpenRouter (architecture,
//     supported_parameters, top_provider; https://openrouter.ai/docs/models), Together
//     (a bare array, with type) and vLLM (max_model_len);
//   - Anthropic https://platform.claude.com/docs/en/api/models/list;
//   - Google https://ai.google.dev/api/models#Model;
//   - AWS https://docs.aws.amazon.com/bedrock/latest/APIReference/API_FoundationModelSummary.html.
type listedModel struct {
	ID      string `json:"id"`
	Name    string `json:"name"` // Google's id; elsewhere what it is called
	ModelID string `json:"modelId"`

	DisplayName  string `json:"display_name"`
	DisplayName2 string `json:"displayName"`
	ModelName    string `json:"modelName"`

	Type string `json:"type"`

	MaxInputTokens   int64 `json:"max_input_tokens"`
	InputTokenLimit  int64 `json:"inputTokenLimit"`
	ContextWindow    int64 `json:"context_window"`
	ContextLength    int64 `json:"context_length"`
	MaxContextLength int64 `json:"max_context_length"`
	MaxModelLen      int64 `json:"max_model_len"`

	MaxTokens           int64 `json:"max_tokens"`
	OutputTokenLimit    int64 `json:"outputTokenLimit"`
	MaxCompletionTokens int64 `json:"max_completion_tokens"`
	TopProvider         struct {
		MaxCompletionTokens int64 `json:"max_completion_tokens"`
	} `json:"top_provider"`

	Capabilities map[string]json.RawMessage `json:"capabilities"`
	Architecture struct {
		Input []string `json:"input_modalities"`
	} `json:"architecture"`
	Parameters []string `json:"supported_parameters"`
	Methods    []string `json:"supportedGenerationMethods"`
	Thinking   bool     `json:"thinking"`
	Input      []string `json:"inputModalities"`
	Output     []string `json:"outputModalities"`
	Streaming  bool     `json:"responseStreamingSupported"`
}

// listedModels are the models of a page, read one after the other and no more than
// can be told: a model takes a hundred times as much memory as the shortest JSON of one.
type listedModels struct {
	offers []sallyport.ModelOffer
	cut    bool  // there are more
	fact   error // of the first fact of another form than we know
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *listedModels) UnmarshalJSON(text []byte) error {
	models := json.NewDecoder(bytes.NewReader(text))
	begin, err := models.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		l.fact = &json.UnmarshalTypeError{Value: "no list", Type: reflect.TypeFor[[]listedModel]()}
		return nil
	}
	for n := 0; models.More(); n++ {
		if l.cut = n == ProbeModelsMax; l.cut {
			return nil
		}
		var m listedModel
		if err := models.Decode(&m); isFact(err) {
			l.fact = cmp.Or(l.fact, err)
		} else if err != nil {
			return err
		}
		if o := m.offer(); tellable(o.Target) {
			l.offers = append(l.offers, o)
		}
	}
	return nil
}

// isFact tells the error of a value that has another form than we know.
func isFact(err error) bool {
	var fact *json.UnmarshalTypeError
	return errors.As(err, &fact)
}

// listed reads a page: its models, of which cut says that they are not all, and the query
// of the next page, "" after the last.
func listed(body []byte) (offers []sallyport.ModelOffer, cut bool, next string, err error) {
	var p page
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		err = json.Unmarshal(body, &p.Data)
	} else {
		err = json.Unmarshal(body, &p)
	}
	for _, l := range []listedModels{p.Data, p.Models, p.Summaries} {
		offers, cut, err = append(offers, l.offers...), cut || l.cut, cmp.Or(err, l.fact)
	}
	// A fact of another form than we know is no fact; the models are there all the same.
	if err != nil && (len(offers) == 0 || !isFact(err)) {
		return nil, false, "", err
	}
	switch {
	case p.Next != "":
		next = "pageToken=" + url.QueryEscape(p.Next)
	case p.HasMore && p.LastID != "":
		next = "after_id=" + url.QueryEscape(p.LastID)
	}
	return offers, cut, next, nil
}

// targetMax bounds the name of a model, in bytes.
const targetMax = 300

func tellable(target string) bool {
	return target != "" && len(target) <= targetMax && !strings.ContainsFunc(target, unicode.IsControl)
}

func (m listedModel) offer() sallyport.ModelOffer {
	o := sallyport.ModelOffer{
		Target:        cmp.Or(m.ID, m.ModelID, strings.TrimPrefix(m.Name, "models/")),
		DisplayName:   cmp.Or(m.DisplayName, m.DisplayName2, m.ModelName, m.Name),
		ContextWindow: max(0, cmp.Or(m.MaxInputTokens, m.InputTokenLimit, m.ContextWindow, m.ContextLength, m.MaxContextLength, m.MaxModelLen)),
		OutputMax:     max(0, cmp.Or(m.MaxTokens, m.OutputTokenLimit, m.MaxCompletionTokens, m.TopProvider.MaxCompletionTokens)),
		Abilities:     sallyport.AbilitiesOf(m.can),
	}
	if strings.HasPrefix(o.DisplayName, "models/") || !tellable(o.DisplayName) {
		o.DisplayName = ""
	}
	o.Type = m.kind(o.Target)
	return o
}

func (m listedModel) can(a sallyport.Ability) bool {
	takes := slices.Concat(m.Architecture.Input, m.Input)
	switch a {
	case sallyport.Tools:
		return m.capable("function_calling") || slices.Contains(m.Parameters, "tools")
	case sallyport.Images:
		return m.capable("image_input", "vision") || slices.Contains(takes, "image") || slices.Contains(takes, "IMAGE")
	case sallyport.Documents:
		return m.capable("pdf_input") || slices.Contains(takes, "file")
	case sallyport.Audio:
		return m.capable("audio") || slices.Contains(takes, "audio")
	case sallyport.Reasons:
		return m.Thinking || m.capable("thinking", "reasoning") || slices.Contains(m.Parameters, "reasoning")
	case sallyport.Structured:
		return m.capable("structured_outputs") || slices.Contains(m.Parameters, "structured_outputs")
	case sallyport.Streams:
		return m.Streaming
	}
	return false
}

// capable says whether one of the capabilities is true, as Mistral writes it, or
// {"supported":true}, as Anthropic does.
func (m listedModel) capable(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		var told struct {
			Supported bool `json:"supported"`
		}
		is := false
		value := m.Capabilities[name]
		return json.Unmarshal(value, &is) == nil && is || json.Unmarshal(value, &told) == nil && told.Supported
	})
}

// otherType is the type of a model that is for something that nobody here serves.
const otherType sallyport.ModelType = "other"

// kind is the model's type as the list has it. Where it has none, the name is looked
// at, as OpenAI and those that are compatible choose names.
func (m listedModel) kind(target string) sallyport.ModelType {
	switch {
	case m.Type == "embedding", slices.Contains(m.Output, "EMBEDDING"), slices.Contains(m.Methods, "embedContent"):
		return sallyport.EmbeddingModel
	case m.Type == "transcribe":
		return sallyport.TranscriptionModel
	case len(m.Output) > 0 && !slices.Contains(m.Output, "TEXT"), len(m.Methods) > 0 && !slices.Contains(m.Methods, "generateContent"),
		slices.Contains([]string{"image", "video", "audio", "moderation", "rerank"}, m.Type):
		return otherType
	}
	named := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(strings.ToLower(target), part) })
	}
	switch {
	case named("embed"):
		return sallyport.EmbeddingModel
	case named("whisper", "transcribe"):
		return sallyport.TranscriptionModel
	case named("dall-e", "gpt-image", "sora-", "tts", "moderation", "realtime", "imagen-"):
		return otherType
	}
	return sallyport.ChatModel
}

// List asks a provider for what it offers; see Probe.
func (d *Directory) List(ctx context.Context, org sallyport.OrgID, name string) (sallyport.ProviderList, error) {
	p, err := d.Probe(ctx, org, name)
	return sallyport.ProviderList{Models: p.Models, Partial: p.Partial, Failure: string(p.Failure)}, err
}
