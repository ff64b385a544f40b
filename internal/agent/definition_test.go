package agent

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

func TestParse(t *testing.T) {
	t.Parallel()
	exported := `{
		"id": "3b6c2c1e-0f55-4a57-9d0e-5a3c1c0c7a10", "dashboardId": null, "sourceWorkflowId": "x", "isMockMode": false,
		"displayName": "Triage", "description": "d", "systemPrompt": "For {{who}}.", "model": "m",
		"toolServerConfigs": [{"id": "jira", "enabled": false, "integrationConfigNangoId": "c", "integrationConnectionId": null}],
		"inputs": [{"name": "who", "description": "reader"}],
		"steps": [{"name": "one", "llmStep": {"prompt": "Hi {{ who }}", "maxTokens": 5, "toolServerConfigs": []}},
		          {"llmStep": {"model": "n", "prompt": "{{steps.1.output}}"}}]
	}`
	def, err := Parse([]byte(exported))
	if err != nil {
		t.Fatal(err)
	}
	want := sallyport.AgentDefinition{
		DisplayName: "Triage", Description: "d", SystemPrompt: "For {{who}}.", Model: "m",
		Inputs: []sallyport.AgentInput{{Name: "who", Description: "reader"}},
		Steps: []sallyport.AgentStep{
			{Name: "one", LLMStep: &sallyport.LLMStep{Prompt: "Hi {{ who }}", MaxTokens: 5}},
			{LLMStep: &sallyport.LLMStep{Model: "n", Prompt: "{{steps.1.output}}"}},
		},
		ToolServerConfigs: def.ToolServerConfigs,
	}
	if !reflect.DeepEqual(def, want) {
		t.Errorf("got %+v, want %+v", def, want)
	}
	if models := def.Models(); !reflect.DeepEqual(models, []string{"m", "n"}) {
		t.Errorf("models in use: got %v", models)
	}
}

func TestParse_refused(t *testing.T) {
	t.Parallel()
	step := `"steps":[{"llmStep":{"model":"m","prompt":"p"}}]`
	for _, test := range []struct{ name, json, want string }{
		{"no JSON", `{`, "cannot be read"},
		{"no object", `[]`, "the definition has the wrong type"},
		{"trailing data", `{"displayName":"a",` + step + `} {}`, "cannot be read"},
		{"member twice", `{"displayName":"a","displayName":"b",` + step + `}`, "stands twice"},
		{"case twin", `{"displayname":"a",` + step + `}`, "displayname is not a member"},
		{"unknown member", `{"displayName":"a","triggers":[],` + step + `}`, "triggers is not a member"},
		{"unknown member of a step", `{"displayName":"a","steps":[{"apiStep":{}}]}`, "steps[0].apiStep is not a member"},
		{"wrong type", `{"displayName":"a","steps":[{"llmStep":{"prompt":7}}]}`, "steps[0].llmStep.prompt has the wrong type"},
		{"no name", `{` + step + `}`, "displayName is missing"},
		{"no steps", `{"displayName":"a"}`, "steps is missing"},
		{"no llmStep", `{"displayName":"a","steps":[{}]}`, "steps[0].llmStep is missing"},
		{"no model", `{"displayName":"a","steps":[{"llmStep":{"prompt":"p"}}]}`, "steps[0].llmStep.model is missing"},
		{"no prompt", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":" "}}]}`, "steps[0].llmStep.prompt is missing"},
		{"negative tokens", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"p","maxTokens":-1}}]}`, "maxTokens"},
		{"undeclared input", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"{{x}}"}}]}`, "refers to {{x}}, which inputs does not declare"},
		{"undeclared in the system prompt", `{"displayName":"a","systemPrompt":"{{x}}",` + step + `}`, "systemPrompt refers to {{x}}"},
		{"input of another case", `{"displayName":"a","inputs":[{"name":"X"}],"steps":[{"llmStep":{"model":"m","prompt":"{{x}}"}}]}`, "refers to {{x}}"},
		{"own output", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"{{steps.1.output}}"}}]}`, "output of step 1, which is not finished"},
		{"output in the system prompt", `{"displayName":"a","systemPrompt":"{{steps.1.output}}",` + step + `}`, "output of step 1"},
		{"step zero", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"{{steps.0.output}}"}}]}`, "refers to {{steps.0.output}}"},
		{"empty reference", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"{{}}"}}]}`, "refers to something"},
		{"input without a name", `{"displayName":"a","inputs":[{}],` + step + `}`, "inputs[0].name"},
		{"input twice", `{"displayName":"a","inputs":[{"name":"x"},{"name":"x"}],` + step + `}`, "inputs[1].name stands twice"},
		{"input with braces", `{"displayName":"a","inputs":[{"name":"x}}"}],` + step + `}`, "inputs[0].name"},
		{"input like a step", `{"displayName":"a","inputs":[{"name":"steps.1.output"}],` + step + `}`, "inputs[0].name"},
		{"enabled tools", `{"displayName":"a","toolServerConfigs":[{"id":"jira","enabled":true}],` + step + `}`, "toolServerConfigs[0] is enabled"},
		{"enabled tools of a step", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"p","toolServerConfigs":[{"enabled":true}]}}]}`,
			"steps[0].llmStep.toolServerConfigs[0] is enabled"},
		{"odd tools", `{"displayName":"a","toolServerConfigs":[{"enabld":true}],` + step + `}`, "toolServerConfigs[0] is not a tool server"},
		{"too many steps", `{"displayName":"a","model":"m","steps":[` + strings.Repeat(`{"llmStep":{"prompt":"p"}},`, StepsMax) + `{"llmStep":{"prompt":"p"}}]}`, "at most 50"},
		{"too many inputs", `{"displayName":"a","inputs":[` + strings.Repeat(`{"name":"x"},`, InputsMax) + `{"name":"x"}],` + step + `}`, "at most 50"},
		{"long prompt", `{"displayName":"a","steps":[{"llmStep":{"model":"m","prompt":"` + strings.Repeat("x", PromptMax+1) + `"}}]}`, "longer than"},
		{"long name", `{"displayName":"` + strings.Repeat("x", NameMax+1) + `",` + step + `}`, "displayName is longer"},
		{"long definition", `{"displayName":"` + strings.Repeat("x", DefinitionMax) + `"}`, "the definition is longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(test.json))
			if sallyport.CodeOf(err) != sallyport.InvalidBody || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s with %q", err, sallyport.InvalidBody, test.want)
			}
		})
	}
}

// A value of the file, a key that was pasted into the wrong field for example,
// must not come back in an error.
func TestParse_quotes_no_value(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"displayName":{"s3cret":"s3cret"}}`, `{"isMockMode":"s3cret"}`, `{"displayName":"s3cret`,
		`{"steps":"s3cret"}`, `{"toolServerConfigs":["s3cret"]}`, `{"steps":[{"llmStep":{"maxTokens":"s3cret"}}]}`,
	} {
		if _, err := Parse([]byte(text)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	samples := Samples()
	if len(samples) != 2 || len(samples[0].Inputs) != 1 || len(samples[1].Steps) != 2 {
		t.Fatalf("got %+v, want one agent with one input and one with two steps", samples)
	}
	for _, def := range samples {
		text, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text)
		if err != nil || !reflect.DeepEqual(again, def) {
			t.Errorf("%s: got %+v, %v after export and import", def.DisplayName, again, err)
		}
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{"a": "1 {{b}} {{steps.1.output}}", "b": "2"}
	answers := []answer{{Text: "first {{a}}"}, {Text: "second"}}
	for _, test := range []struct{ prompt, want string }{
		{"", ""},
		{"plain } { text", "plain } { text"},
		{"{{b}}{{ b }}", "22"},
		{"x {{a}} y", "x 1 {{b}} {{steps.1.output}} y"},
		{"{{steps.1.output}}/{{steps.2.output}}", "first {{a}}/second"},
		{"{{b}} and {{b", "2 and {{b"},
		{"b}} {{b}}", "b}} 2"},
	} {
		if got := render(test.prompt, inputs, answers, 1<<20); got != test.want {
			t.Errorf("render(%q): got %q, want %q", test.prompt, got, test.want)
		}
	}
}

// What Parse accepts can be exported, imported again and rendered.
func FuzzParse(f *testing.F) {
	for _, def := range Samples() {
		text, err := json.Marshal(def)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"displayName":"a","inputs":[{"name":"é"}],"steps":[{"llmStep":{"model":"m","prompt":"{{é}} {{{{ }}"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		def, err := Parse(text)
		if err != nil {
			if sallyport.CodeOf(err) != sallyport.InvalidBody {
				t.Fatalf("got %v for %q, want %s", err, text, sallyport.InvalidBody)
			}
			return
		}
		answers := make([]answer, len(def.Steps))
		for i := range def.Steps {
			answers[i].Call = "call"
			if _, err := request(runBegin{Definition: def}, i, answers); err != nil {
				t.Fatalf("step %d cannot be asked: %v", i, err)
			}
		}
		exported, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(exported)
		if err != nil || !reflect.DeepEqual(again.Models(), def.Models()) {
			t.Fatalf("got %+v, %v from the export of %+v", again, err, def)
		}
	})
}
