package responses_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
)

var turns = []responses.Turn{
	{
		Input: json.RawMessage(`"one \u00e9"`),
		Response: json.RawMessage(`{"output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"x"},` +
			`{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"two"}]}]}`),
	},
	{
		Input:    json.RawMessage(`[{"role":"user","content":"three"},{"type":"function_call_output","call_id":"c","output":"four"},{"role":"assistant","content":"five"}]`),
		Response: json.RawMessage(`{"output":[]}`),
	},
}

func TestFollow(t *testing.T) {
	t.Parallel()
	req := decode(t, `{"previous_response_id":"r", "model":"m","unknown":1.0,"input":"six"}`)
	got, err := responses.Follow(req, turns)
	want := `{"model":"m","unknown":1.0,"input":[{"role":"user","content":"one \u00e9"},{"type":"reasoning","summary":[],"encrypted_content":"x"},` +
		`{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"two"}]},` +
		`{"role":"user","content":"three"},{"type":"function_call_output","call_id":"c","output":"four"},{"role":"assistant","content":"five"},{"role":"user","content":"six"}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// Without its reasoning, what was said is sent again without the ids that its provider gave it,
// for that looks for the reasoning; a call with the one that its answer names.
func TestFollowCalls(t *testing.T) {
	t.Parallel()
	got, err := responses.Follow(decode(t, `{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"y"}]}`), []responses.Turn{{
		Input:    json.RawMessage(`"x"`),
		Response: json.RawMessage(`{"output":[{"type":"reasoning","id":"rs_1","summary":[]},{"type":"message","id":"msg_1","role":"assistant","content":[]},{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}]}`),
	}})
	want := `{"model":"m","input":[{"role":"user","content":"x"},{"type":"message","role":"assistant","content":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"y"}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// With all of its reasoning it is sent again as it came, as OpenAI's clients do; not where
// another provider has signed that.
func TestFollowReasoning(t *testing.T) {
	t.Parallel()
	for sealed, want := range map[string]int{"gAAAA": 3, "sallyport1.e30": 0} {
		got, err := responses.Follow(decode(t, `{"model":"m","input":"y"}`), []responses.Turn{{
			Input:    json.RawMessage(`"x"`),
			Response: json.RawMessage(`{"output":[{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"` + sealed + `"},{"id":"msg_1","type":"message","role":"assistant","content":[]},{"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`),
		}})
		if ids := strings.Count(string(got), `"id":"`); err != nil || ids != want {
			t.Errorf("%s: got %d ids, want %d in %s, %v", sealed, ids, want, got, err)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	req := decode(t, `{"model":"m","input":[{"type":"item_reference","id":"rs_1"},{"id":"msg_1"},{"type":"new","id":"n"},{"role":"user","content":"x","id":"u"}]}`)
	items := make(map[string][]byte)
	for _, id := range responses.References(req) {
		item, ids, err := turns[0].Said(id)
		if err != nil || item == nil || strings.Join(ids, " ") != "rs_1 rs_2 msg_1" {
			t.Fatalf("%s: got %s of %q, %v", id, item, ids, err)
		}
		items[id] = item
	}
	got, err := responses.Resolve(req, items, nil)
	want := `{"model":"m","input":[{"type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"two"}]},` +
		`{"type":"new","id":"n"},{"role":"user","content":"x","id":"u"}]}`
	if err != nil || string(got) != want || len(items) != 2 {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if _, err := responses.Resolve(req, nil, nil); err == nil {
		t.Error("an item that is not there was left out")
	}
}

func TestInputItems(t *testing.T) {
	t.Parallel()
	items, err := responses.InputItems(turns)
	if err != nil || len(items) != 7 {
		t.Fatalf("got %d items, %v", len(items), err)
	}
	ids := make(map[string]bool)
	for _, item := range items {
		var told struct{ ID, Type, Status string }
		if err := json.Unmarshal(item.JSON, &told); err != nil || told.ID != item.ID || told.Type == "" || told.Status == "" || ids[told.ID] {
			t.Errorf("got %s, %v", item.JSON, err)
		}
		ids[told.ID] = true
	}
	for i, want := range map[int]string{
		0: `"content":[{"type":"input_text","text":"one \u00e9"}]`,
		6: `"content":[{"type":"output_text","text":"five","annotations":[],"logprobs":[]}]`,
	} {
		if !strings.Contains(string(items[i].JSON), want) {
			t.Errorf("item %d is %s, want %s", i, items[i].JSON, want)
		}
	}
	again, err := responses.InputItems(turns)
	if err != nil || again[0].ID != items[0].ID {
		t.Error("an item's id changes")
	}
}
