package responses_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

func TestReadTask(t *testing.T) {
	t.Parallel()
	const base = `{"model":"agent/a","input":`
	for body, want := range map[string]responses.Task{
		`"x"`: {Text: "x"},
		`"x","instructions":"be brief","stream":true,"store":false,"background":true,"tools":[],"tool_choice":"auto","temperature":null,"text":{"format":{"type":"text"}}`: {Text: "x", Instructions: "be brief"},
		`[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},{"role":"system","content":"s"}],"instructions":"i"`: {
			Text: "a\n\nb", Instructions: "i\n\nd\n\ns"},
	} {
		got, err := responses.ReadTask(decode(t, base+body+"}"))
		if got.Metadata = (llm.Value{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v %v, want %+v", body, got, err, want)
		}
	}
	for body, code := range map[string]sallyport.Code{
		`"x","tools":[{"type":"function","name":"f"}]`: sallyport.UnsupportedField,
		`"x","tool_choice":"none"`:                     sallyport.UnsupportedField,
		`"x","conversation":"c"`:                       sallyport.UnsupportedField,
		`"x","previous_response_id":"r"`:               sallyport.UnsupportedField,
		`"x","temperature":1`:                          sallyport.UnsupportedField,
		`"x","top_p":1`:                                sallyport.UnsupportedField,
		`"x","max_output_tokens":5`:                    sallyport.UnsupportedField,
		`"x","reasoning":{"effort":"high"}`:            sallyport.UnsupportedField,
		`"x","text":{"format":{"type":"json_object"}}`: sallyport.UnsupportedField,
		`"x","unknown":1`:                              sallyport.UnsupportedField,
		`[{"role":"user","content":[{"type":"input_image","image_url":"https://x.example/a"}]}]`:           sallyport.AgentInputs,
		`[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]`: sallyport.AgentInputs,
	} {
		_, err := responses.ReadTask(decode(t, base+body+"}"))
		if sallyport.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %s", body, err, code)
		}
		if code == sallyport.UnsupportedField && !strings.Contains(body, strings.Split(strings.TrimPrefix(err.Error(), string(code)+": "), ":")[0]) {
			t.Errorf("%s: the field is not named by %q", body, err)
		}
	}
}

// A message that turned out void is not part of what the answer says, and the
// stream keeps every rule of the dialect.
func TestAgentAnswer(t *testing.T) {
	t.Parallel()
	begin := func() *responses.AgentAnswer {
		answer, err := responses.NewAgentAnswer(responses.Asked{
			ID: "resp_run_1", Model: "agent/a", Text: "x", Instructions: "be é", Metadata: json.RawMessage(`{"k":"v"}`), At: time.Unix(7, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	done := responses.State{Status: "completed", Usage: &llm.Usage{Input: 1, Output: 2}}
	failed := responses.State{Status: "failed", Failure: sallyport.NewError(sallyport.RateLimited, "slow down")}
	blocked := responses.State{Status: "failed", Failure: sallyport.NewError(sallyport.DLPBlocked, "no")}
	codes := map[string]string{"rate_limit_exceeded": "rate_limit_exceeded", "dlp_blocked": "invalid_prompt"}
	for name, tt := range map[string]struct {
		say         [][2]string
		state       responses.State
		text, error string
		items       []string // their states
	}{
		"said":      {[][2]string{{"msg_1", "Hel"}, {"msg_1", "lo"}}, done, "Hello", "", []string{"completed"}},
		"nothing":   {nil, done, "", "", nil},
		"void":      {[][2]string{{"msg_1", "Hel"}, {"msg_2", "Good "}, {"msg_2", "day"}}, done, "Good day", "", []string{"incomplete", "completed"}},
		"failed":    {[][2]string{{"msg_1", "Hel"}}, failed, "Hel", "rate_limit_exceeded", []string{"incomplete"}},
		"blocked":   {[][2]string{{"msg_1", "Hel"}}, blocked, "Hel", "dlp_blocked", []string{"incomplete"}},
		"cancelled": {[][2]string{{"msg_1", "Hel"}}, responses.State{Status: "cancelled"}, "Hel", "", []string{"incomplete"}},
	} {
		answer := begin()
		stream := string(answer.Begin())
		for _, piece := range tt.say {
			stream += string(answer.Say(piece[0], piece[1]))
		}
		stream += string(answer.End(tt.state))
		got, err := responsestest.Read(stream)
		if err != nil {
			t.Errorf("%s: %v\nin %s", name, err, stream)
			continue
		}
		var states []string
		for _, item := range got.Response.Output {
			states = append(states, item.Status)
		}
		if *got.Response.OutputText != tt.text || got.Response.Status != tt.state.Status || !reflect.DeepEqual(states, tt.items) || got.Error != tt.error {
			t.Errorf("%s: got %+v %v %s", name, got.Response, states, got.Error)
		}
		if e := got.Response.Error; tt.error != "" && (e == nil || e.Code != codes[tt.error] || e.Reason != tt.error) {
			t.Errorf("%s: the response tells %+v, its stream %s", name, e, tt.error)
		}
		if !strings.Contains(stream, `"background":true`) || !strings.Contains(stream, `"metadata":{"k":"v"}`) || !strings.Contains(stream, `"instructions":"be é"`) {
			t.Errorf("%s: got %s", name, stream)
		}
	}
	answer := begin()
	answer.Say("msg_1", "Hello")
	got, err := responsestest.Whole(string(answer.Response(done)))
	if err != nil || got.Text != "Hello" || got.Response.Usage.Total != 3 || got.Response.Output[0].ID != "msg_1" {
		t.Errorf("got %+v, %v", got, err)
	}
	if now := string(begin().Response(responses.State{Status: "in_progress"})); !strings.Contains(now, `"status":"in_progress"`) || strings.Contains(now, "usage") {
		t.Errorf("got %s", now)
	}
	if broken := string(begin().Broken(*sallyport.NewError(sallyport.ServerStopping, "later"))); !strings.HasPrefix(broken, "event: error\n") || strings.Contains(broken, "response.failed") {
		t.Errorf("got %s", broken)
	}
}
