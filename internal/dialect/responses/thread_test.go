package responses

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

func TestPieces(t *testing.T) {
	t.Parallel()
	turn := Turn{
		Input: []byte(`[{"role":"system","content":"s"},{"role":"user","content":"u"},{"type":"function_call_output","call_id":"c0","output":"o"}]`),
		Response: []byte(`{"output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"fc_1","type":"function_call","call_id":"c1","name":"f","arguments":"{}"},` +
			`{"id":"msg_1","type":"message","role":"assistant","content":[]}]}`),
	}
	pieces, err := turn.Pieces()
	if err != nil {
		t.Fatal(err)
	}
	var messages []int64
	var ids, calls, keys []string
	for _, p := range pieces {
		messages, ids, calls = append(messages, p.Message), append(ids, p.ID), append(calls, p.Call)
		prefix, _, _ := strings.Cut(p.Key, "_")
		keys = append(keys, prefix)
	}
	if !slices.Equal(messages, []int64{0, 1, 2, 2, 2, 2}) || !slices.Equal(ids, []string{"", "", "", "rs_1", "fc_1", "msg_1"}) ||
		!slices.Equal(calls, []string{"", "", "c0", "", "c1", ""}) || !slices.Equal(keys, []string{"msg", "msg", "fc", "rs", "fc", "msg"}) {
		t.Errorf("got %v %q %q %q", messages, ids, calls, keys)
	}
}

// An id that no index of a database takes is none that an item is found by.
func TestUnusableIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{strings.Repeat("x", idMax+1), `a\u0000b`} {
		turn := Turn{Input: []byte(`"hi"`), Response: []byte(`{"output":[{"id":"` + id + `","type":"function_call","call_id":"` + id + `","name":"f","arguments":"{}"}]}`)}
		pieces, err := turn.Pieces()
		if err != nil || len(pieces) != 2 || pieces[1].ID != "" || pieces[1].Call != "" {
			t.Errorf("got %d pieces, the last with an id, %v", len(pieces), err)
		}
		if _, ids, err := turn.Said(""); err != nil || len(ids) != 0 {
			t.Errorf("got ids %.300q, %v", ids, err)
		}
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ item, want string }{
		{`{"role":"user","content":"x"}`, `{"role":"user","content":[{"type":"input_text","text":"x"}],"type":"message","id":"msg_2","status":"completed"}`},
		{`{"id":"msg_1","type":"message","role":"user","content":[],"status":"completed"}`, `{"id":"msg_2","type":"message","role":"user","content":[],"status":"completed"}`},
		{`{"id":"msg_2","type":"x","status":"incomplete"}`, `{"id":"msg_2","type":"x","status":"incomplete"}`},
		{`{"id":null,"type":"x","status":"completed"}`, `{"id":"msg_2","type":"x","status":"completed"}`},
	} {
		got, err := Listed([]byte(tt.item), "msg_2")
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v, want %s", got, err, tt.want)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	for conversation, id := range map[string]string{`"conv_1"`: "conv_1", `{"id":"conv_1"}`: "conv_1", `null`: ""} {
		req, err := Decode([]byte(`{"model":"m","conversation":` + conversation + `,"input":"now"}`))
		if err != nil || Conversation(req) != id {
			t.Fatalf("%s: got %q, %v", conversation, Conversation(req), err)
		}
		got, err := Within(req, [][]byte{
			[]byte(`{"role":"user","content":"then"}`), []byte(`{"type":"reasoning","summary":[]}`), []byte(`{"type":"reasoning","encrypted_content":"x","summary":[]}`),
		})
		want := `{"model":"m","input":[{"role":"user","content":"then"},{"type":"reasoning","encrypted_content":"x","summary":[]},{"role":"user","content":"now"}]}`
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	for _, conversation := range []string{`""`, `7`, `{}`, `{"ID":"conv_1"}`, `[]`} {
		if _, err := Decode([]byte(`{"model":"m","conversation":` + conversation + `,"input":"now"}`)); sallyport.CodeOf(err) != sallyport.InvalidBody {
			t.Errorf("%s: got %v", conversation, err)
		}
	}
}
