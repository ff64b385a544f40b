package provider

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

func targets(p Probe) []string {
	names := []string{}
	for _, m := range p.Models {
		names = append(names, m.Target)
	}
	return names
}

// Each provider's list as its reference shows it.
func TestListed(t *testing.T) {
	type offer = sallyport.ModelOffer
	type abilities = []sallyport.Ability
	for _, tt := range []struct {
		name, body string
		want       []offer
		next       string
	}{
		{"OpenAI", `{"object":"list","data":[{"id":"gpt-5","object":"model","created":1,"owned_by":"openai"},{"id":"text-embedding-3-small"},{"id":"whisper-1"},{"id":"dall-e-3"}]}`,
			[]offer{{Target: "gpt-5", Type: "chat"}, {Target: "text-embedding-3-small", Type: "embedding"}, {Target: "whisper-1", Type: "transcription"}, {Target: "dall-e-3", Type: "other"}}, ""},
		{"Anthropic", `{"data":[{"type":"model","id":"claude-x","display_name":"Claude X","created_at":"2026-01-01T00:00:00Z","max_input_tokens":200000,"max_tokens":64000,
			"capabilities":{"image_input":{"supported":true},"pdf_input":{"supported":true},"structured_outputs":{"supported":false},"thinking":{"supported":true,"types":{}}}}],
			"has_more":true,"first_id":"claude-x","last_id":"claude-x"}`,
			[]offer{{Target: "claude-x", DisplayName: "Claude X", Type: "chat", ContextWindow: 200000, OutputMax: 64000, Abilities: abilities{"images", "documents", "reasoning"}}}, "after_id=claude-x"},
		{"Google", `{"models":[{"name":"models/gemini-x","displayName":"Gemini X","inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent"],"thinking":true},
			{"name":"models/embed-x","supportedGenerationMethods":["embedContent"]},{"name":"models/draw-x","supportedGenerationMethods":["predict"]}],"nextPageToken":"a b"}`,
			[]offer{{Target: "gemini-x", DisplayName: "Gemini X", Type: "chat", ContextWindow: 1048576, OutputMax: 65536, Abilities: abilities{"reasoning"}},
				{Target: "embed-x", Type: "embedding"}, {Target: "draw-x", Type: "other"}}, "pageToken=a+b"},
		{"AWS", `{"modelSummaries":[{"modelId":"a.text-v1:0","modelName":"Text","inputModalities":["TEXT","IMAGE"],"outputModalities":["TEXT"],"responseStreamingSupported":true},
			{"modelId":"a.vectors","modelName":"Vectors","inputModalities":["TEXT"],"outputModalities":["EMBEDDING"]},{"modelId":"a.paint","modelName":"Paint","outputModalities":["IMAGE"]}]}`,
			[]offer{{Target: "a.text-v1:0", DisplayName: "Text", Type: "chat", Abilities: abilities{"images", "streaming"}},
				{Target: "a.vectors", DisplayName: "Vectors", Type: "embedding"}, {Target: "a.paint", DisplayName: "Paint", Type: "other"}}, ""},
		{"OpenRouter", `{"data":[{"id":"a/b","name":"A: B","context_length":8000,"architecture":{"input_modalities":["text","image","file","audio"]},
			"supported_parameters":["tools","structured_outputs","reasoning"],"top_provider":{"max_completion_tokens":4000}}]}`,
			[]offer{{Target: "a/b", DisplayName: "A: B", Type: "chat", ContextWindow: 8000, OutputMax: 4000,
				Abilities: abilities{"tools", "images", "documents", "audio", "reasoning", "structured_output"}}}, ""},
		{"Mistral", `{"data":[{"id":"m","capabilities":{"completion_chat":true,"function_calling":true,"vision":false},"max_context_length":32768,"type":"base"}]}`,
			[]offer{{Target: "m", Type: "chat", ContextWindow: 32768, Abilities: abilities{"tools"}}}, ""},
		{"Groq, vLLM", `{"data":[{"id":"g","context_window":131072,"max_completion_tokens":32768},{"id":"v","max_model_len":4096}]}`,
			[]offer{{Target: "g", Type: "chat", ContextWindow: 131072, OutputMax: 32768}, {Target: "v", Type: "chat", ContextWindow: 4096}}, ""},
		{"Together", ` [{"id":"t","type":"chat","display_name":"T","context_length":4096},{"id":"e","type":"embedding"},{"id":"p","type":"image"}]`,
			[]offer{{Target: "t", DisplayName: "T", Type: "chat", ContextWindow: 4096}, {Target: "e", Type: "embedding"}, {Target: "p", Type: "other"}}, ""},
		{"facts of another form", `{"data":[{"id":"a","capabilities":["chat"],"context_length":"many"},{"id":"b"}]}`,
			[]offer{{Target: "a", Type: "chat"}, {Target: "b", Type: "chat"}}, ""},
		{"names that are none", `{"data":[{"id":""},{"id":"a\u0007"},{"id":"` + strings.Repeat("x", targetMax+1) + `"},{"id":"c","name":"two\nlines"}]}`,
			[]offer{{Target: "c", Type: "chat"}}, ""},
		{"nothing", `{"data":[]}`, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _, next, err := listed([]byte(tt.body))
			for i := range got {
				if len(got[i].Abilities) == 0 {
					got[i].Abilities = nil
				}
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) || next != tt.next {
				t.Errorf("got %+v, %q, %v\nwant %+v, %q", got, next, err, tt.want, tt.next)
			}
		})
	}
	for _, body := range []string{``, `<html>`, `"list"`, `{"data":"x"}`, `[1]`} {
		if got, _, _, err := listed([]byte(body)); err == nil {
			t.Errorf("%s: got %+v, want an error", body, got)
		}
	}
}

// A list of the shortest models takes no more memory than one of as many as are told.
func TestListedLong(t *testing.T) {
	for _, model := range []string{`{}`, `1`, `{"id":"a"}`} {
		body := []byte(`{"data":[` + strings.Repeat(model+",", probeBodyMax/(len(model)+1)-10) + model + `]}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, cut, _, err := listed(body)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 8*probeBodyMax {
			t.Errorf("%s: %d bytes of memory for %d", model, took, len(body))
		}
		if len(got) > ProbeModelsMax || err == nil && !cut {
			t.Errorf("%s: got %d models, cut %v", model, len(got), cut)
		}
	}
}

// All pages are read, and no more than the bounds say, whatever a provider answers.
func TestProbePages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		pages, each int
		stuck       bool
		want, asked int
		partial     bool
	}{
		{"three pages", 3, 2, false, 6, 3, false},
		{"too many pages", 50, 1, false, probePagesMax, probePagesMax, true},
		{"too many models", 3, 400, false, ProbeModelsMax, 3, true},
		{"the same page for ever", 50, 1, true, 2, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if r.URL.Query().Get("limit") != "1000" {
					t.Errorf("page %d was asked for by %s", asked, r.URL)
				}
				var models []string
				for i := range tt.each {
					models = append(models, `{"id":"m`+strconv.Itoa(asked)+"-"+strconv.Itoa(i)+`"}`)
				}
				last := strconv.Itoa(asked)
				if tt.stuck {
					last = "1"
				}
				_, _ = w.Write([]byte(`{"data":[` + strings.Join(models, ",") + `],"has_more":` + strconv.FormatBool(asked < tt.pages) + `,"last_id":"` + last + `"}`))
			}))
			defer server.Close()
			p, err := New(Config{Name: "a", Type: "anthropic", BaseURL: server.URL, APIKey: "k", AllowPrivate: true})
			if err != nil {
				t.Fatal(err)
			}
			got := p.(prober).probe(t.Context())
			if got.Failure != "" || len(got.Models) != tt.want || asked != tt.asked || got.Partial != tt.partial {
				t.Errorf("got %d models of %d pages, partial %v, failed %q; want %d of %d, %v", len(got.Models), asked, got.Partial, got.Failure, tt.want, tt.asked, tt.partial)
			}
		})
	}
}
