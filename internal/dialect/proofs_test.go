package dialect_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

const signature = "c2lnbmVk/+=="

// A signer is a provider that signs: its plain answer with a call of a tool, and how
// it is read and asked.
type signer struct {
	name, answer string
	read         func(doc *llm.Document, e *llm.Event) error
	ask          func(r *llm.Request, target string) ([]byte, error)
	target       string
	others       []string // models that may not read it
}

var signers = []signer{
	{
		"gemini", `{"modelVersion":"gemini-3-pro","responseId":"r","candidates":[{"finishReason":"STOP","content":{"parts":[{"text":"Hm.","thought":true},
			{"functionCall":{"name":"f","args":{"a":"x"}},"thoughtSignature":"` + signature + `"}]}}]}`,
		gemini.DecodeWhole, gemini.Encode, "gemini-3-flash", []string{"gemini-2.5-pro"},
	},
	{
		"messages", `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1},
			"content":[{"type":"thinking","thinking":"Hm.","signature":"` + signature + `"},{"type":"tool_use","id":"call_1","name":"f","input":{"a":"x"}}]}`,
		messages.DecodeWhole, func(r *llm.Request, target string) ([]byte, error) { return messages.Encode(r, target, 4096) },
		"claude-sonnet-4-5", []string{"kimi-k2"},
	},
	{
		"converse", `{"stopReason":"tool_use","output":{"message":{"content":[{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"` + signature + `"}}},
			{"toolUse":{"toolUseId":"call_1","name":"f","input":{"a":"x"}}}]}}}`,
		converse.DecodeWhole, converse.Encode, "eu.anthropic.claude-sonnet-4-5", []string{"amazon.nova-pro-v1:0"},
	},
}

// A keeper is a client that sends back what it got: from what it was answered
// it makes its next request.
type keeper struct {
	dialect llm.Dialect
	least   string
	decode  func([]byte) (*llm.Request, error)
	encoder func(*llm.Request) coder
	next    func(t *testing.T, answer string) string
	// native asks a provider of the client's own dialect.
	native func(*llm.Request) ([]byte, error)
}

type coder interface {
	Whole(*llm.Event) ([]byte, error)
}

var keepers = []keeper{
	{
		llm.Responses, `{"model":"m","input":[{"role":"user","content":"Hi"}],"tools":[` + respFn + `]}`, responses.Decode,
		func(r *llm.Request) coder { return responses.NewEncoder(r, time.Unix(1, 0)) },
		func(t *testing.T, answer string) string {
			var got struct{ Output []json.RawMessage }
			output := inside(t, answer, "output", &got, func() []json.RawMessage { return got.Output })
			return `{"model":"m","input":[{"role":"user","content":"Hi"},` + output + `,{"type":"function_call_output","call_id":"CALL","output":"y"}],"tools":[` + respFn + `]}`
		},
		func(r *llm.Request) ([]byte, error) { return responses.Encode(r, "gpt-5"), nil },
	},
	{
		llm.Messages, `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"tools":[` + msgFn + `]}`, messages.Decode,
		func(r *llm.Request) coder { return messages.NewEncoder(r, time.Unix(1, 0)) },
		func(t *testing.T, answer string) string {
			var got struct{ Content []json.RawMessage }
			content := inside(t, answer, "content", &got, func() []json.RawMessage { return got.Content })
			return `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[` + content +
				`]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"CALL","content":"y"}]}],"tools":[` + msgFn + `]}`
		},
		func(r *llm.Request) ([]byte, error) { return messages.Encode(r, "claude-sonnet-4-5", 9) },
	},
	{
		llm.Chat, `{"model":"m","messages":[` + hi + `],"tools":[` + chatFn + `]}`, chat.Decode,
		func(r *llm.Request) coder { return chat.NewEncoder(r, time.Unix(1, 0)) },
		func(t *testing.T, answer string) string {
			var got struct {
				Choices []struct{ Message json.RawMessage }
			}
			message := inside(t, answer, "choices", &got, func() []json.RawMessage { return []json.RawMessage{got.Choices[0].Message} })
			return `{"model":"m","messages":[` + hi + `,` + message + `,{"role":"tool","tool_call_id":"CALL","content":"y"}],"tools":[` + chatFn + `]}`
		},
		func(r *llm.Request) ([]byte, error) { return chat.Encode(r, "gpt-5"), nil },
	},
}

// inside is what is inside of a list of an answer.
func inside(t *testing.T, answer, name string, into any, list func() []json.RawMessage) string {
	t.Helper()
	if err := json.Unmarshal([]byte(answer), into); err != nil || len(list()) == 0 {
		t.Fatalf("no %s in %s: %v", name, answer, err)
	}
	var all []string
	for _, item := range list() {
		all = append(all, string(item))
	}
	return strings.Join(all, ",")
}

// What a provider signed comes back to its own models through clients of other
// dialects, and to nobody else; nor does it when the thinking was changed.
func TestProofs(t *testing.T) {
	t.Parallel()
	for _, k := range keepers {
		for _, s := range signers {
			if string(k.dialect) == s.name {
				continue // bytes pass
			}
			t.Run(fmt.Sprintf("%s/%s", k.dialect, s.name), func(t *testing.T) {
				t.Parallel()
				first, err := k.decode([]byte(k.least))
				if err != nil {
					t.Fatal(err)
				}
				doc, err := llm.Parse([]byte(s.answer))
				if err != nil {
					t.Fatal(err)
				}
				var e llm.Event
				if err := s.read(doc, &e); err != nil {
					t.Fatal(err)
				}
				if e.Model == "" {
					e.Model = s.target // some providers do not say; see candidates
				}
				answer, err := k.encoder(first).Whole(&e)
				if err != nil {
					t.Fatal(err)
				}
				body := k.next(t, string(answer))
				call := "call_1"
				for _, d := range e.Deltas {
					if d.Kind == llm.ToolCallDelta {
						call = d.ToolID.Text()
					}
				}
				ask := func(body string, encode func(*llm.Request) ([]byte, error)) string {
					t.Helper()
					req, err := k.decode([]byte(strings.ReplaceAll(body, "CALL", call)))
					if err != nil {
						t.Fatalf("%v in %s", err, body)
					}
					sent, err := encode(req)
					if err != nil {
						t.Fatalf("%v in %s", err, body)
					}
					return string(sent)
				}
				of := func(target string) func(*llm.Request) ([]byte, error) {
					return func(r *llm.Request) ([]byte, error) { return s.ask(r, target) }
				}
				if sent := ask(body, of(s.target)); strings.Count(sent, signature) != 1 || strings.Contains(sent, "sallyport1.") {
					t.Errorf("its own model got %s", sent)
				}
				for _, other := range s.others {
					if sent := ask(body, of(other)); strings.Contains(sent, signature) || strings.Contains(sent, "sallyport1.") {
						t.Errorf("%s got %s", other, sent)
					}
				}
				if sent := ask(body, k.native); strings.Contains(sent, "sallyport1.") || !strings.Contains(sent, `"f"`) {
					t.Errorf("a provider of the client's dialect got %s", sent)
				}
				for _, other := range signers {
					if other.name != s.name && string(k.dialect) != other.name {
						if sent := ask(body, func(r *llm.Request) ([]byte, error) { return other.ask(r, other.target) }); strings.Contains(sent, signature) {
							t.Errorf("%s got %s", other.name, sent)
						}
					}
				}
				if s.name != "gemini" { // whose signature is of the call
					if sent := ask(strings.ReplaceAll(body, "Hm.", "Ha."), of(s.target)); strings.Contains(sent, signature) {
						t.Errorf("with another thought it got %s", sent)
					}
				}
			})
		}
	}
}

// In a stream of Messages, what is signed and not told is a block of its own before
// the call, and what is told is signed at its end.
func TestProofsStreamed(t *testing.T) {
	t.Parallel()
	value := func(text string) llm.Value {
		doc, err := llm.Parse(llm.Quote(text))
		if err != nil {
			t.Fatal(err)
		}
		return doc.Root()
	}
	piece := func(kind llm.DeltaKind, index int, text string) llm.Delta {
		return llm.Delta{Kind: kind, Index: index, Text: value(text)}
	}
	call := llm.Delta{Kind: llm.ToolCallDelta, Index: 2, ToolID: value("call_1"), ToolName: value("f")}
	for dialect, want := range map[llm.Dialect][]string{
		llm.Gemini: {
			`"index":0,"content_block":{"type":"thinking"`, `"thinking_delta"`, `"content_block_stop","index":0`,
			`"index":1,"content_block":{"type":"redacted_thinking","data":"sallyport1.`, `"content_block_stop","index":1`, `"index":2,"content_block":{"type":"tool_use"`,
		},
		llm.Converse: {
			`"index":0,"content_block":{"type":"thinking"`, `"thinking_delta"`, `"index":0,"delta":{"type":"signature_delta","signature":"sallyport1.`,
			`"content_block_stop","index":0`, `"index":1,"content_block":{"type":"tool_use"`,
		},
	} {
		signs := 0
		if dialect == llm.Gemini {
			signs = 1
		}
		req, err := messages.Decode([]byte(`{"model":"m","max_tokens":9,"messages":[` + hi + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		enc := messages.NewEncoder(req, time.Unix(1, 0))
		var stream string
		for _, e := range []llm.Event{
			{Kind: llm.ChunkEvent, Deltas: []llm.Delta{piece(llm.ThinkingDelta, 0, "Hm.")}},
			{Kind: llm.ChunkEvent, Deltas: []llm.Delta{piece(llm.SignatureDelta, signs, signature)}},
			{Kind: llm.ChunkEvent, Deltas: []llm.Delta{call, piece(llm.ToolArgumentsDelta, 2, "{}")}, Closed: []int{0, 1, 2}},
			{Kind: llm.DoneEvent, Finishes: []llm.Finish{{Reason: llm.StopTools}}},
		} {
			e.Dialect = dialect
			frames, err := enc.Event(&e)
			if err != nil {
				t.Fatal(err)
			}
			stream += string(frames)
		}
		at := 0
		for _, next := range want {
			found := strings.Index(stream[at:], next)
			if found < 0 {
				t.Fatalf("%s: no %s in its place in %s", dialect, next, stream)
			}
			at += found
		}
	}
}

// Thinking that nobody may read comes back to Anthropic's models byte for byte, in
// its place, and to nobody else.
func TestProofsRedacted(t *testing.T) {
	t.Parallel()
	const secret = "cmVkYWN0ZWQ/+A=="
	type asked = func(*llm.Request) ([]byte, error)
	claude := func(r *llm.Request) ([]byte, error) { return messages.Encode(r, "claude-opus-4-6", 4096) }
	bedrock := func(r *llm.Request) ([]byte, error) { return converse.Encode(r, "eu.anthropic.claude-sonnet-4-5") }
	others := map[string]asked{
		"kimi":   func(r *llm.Request) ([]byte, error) { return messages.Encode(r, "kimi-k2", 4096) },
		"gemini": func(r *llm.Request) ([]byte, error) { return gemini.Encode(r, "gemini-3-pro") },
		"nova":   func(r *llm.Request) ([]byte, error) { return converse.Encode(r, "amazon.nova-pro-v1:0") },
	}
	for _, s := range []struct {
		signer        llm.Dialect
		content       string // which comes back as it was
		answer        string // around it
		read          func(doc *llm.Document, e *llm.Event) error
		ask, stranger asked
	}{
		{
			llm.Messages,
			`[{"type":"thinking","thinking":"Hm.","signature":"` + signature + `"},{"type":"redacted_thinking","data":"` + secret + `"},{"type":"tool_use","id":"call_1","name":"f","input":{"a":"x"}}]`,
			`{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1},"content":CONTENT}`,
			messages.DecodeWhole, claude, bedrock,
		}, {
			llm.Converse,
			`[{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"` + signature + `"}}},{"reasoningContent":{"redactedContent":"` + secret + `"}},{"toolUse":{"toolUseId":"call_1","name":"f","input":{"a":"x"}}}]`,
			`{"stopReason":"tool_use","output":{"message":{"content":CONTENT}}}`,
			converse.DecodeWhole, bedrock, claude,
		},
	} {
		for _, k := range keepers {
			if k.dialect == s.signer {
				continue // bytes pass
			}
			first, err := k.decode([]byte(k.least))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := llm.Parse([]byte(strings.Replace(s.answer, "CONTENT", s.content, 1)))
			if err != nil {
				t.Fatal(err)
			}
			var e llm.Event
			if err := s.read(doc, &e); err != nil {
				t.Fatal(err)
			}
			e.Model = "claude-sonnet-4-5"
			told, err := k.encoder(first).Whole(&e)
			if err != nil || strings.Contains(string(told), secret) {
				t.Fatalf("%s: the client of %s got %s, %v", s.signer, k.dialect, told, err)
			}
			req, err := k.decode([]byte(strings.ReplaceAll(k.next(t, string(told)), "CALL", "call_1")))
			if err != nil {
				t.Fatal(err)
			}
			if sent, err := s.ask(req); err != nil || !strings.Contains(string(sent), s.content) {
				t.Errorf("%s: who signed got of %s %s, %v, want %s", s.signer, k.dialect, sent, err, s.content)
			}
			for name, ask := range others {
				isForeign(t, fmt.Sprintf("%s: of %s %s", s.signer, k.dialect, name), secret, req, ask)
			}
			isForeign(t, fmt.Sprintf("%s: of %s the other API", s.signer, k.dialect), secret, req, s.stranger)
			isForeign(t, fmt.Sprintf("%s: of %s its own", s.signer, k.dialect), secret, req, k.native)
		}
	}
}

// isForeign checks that who is asked so gets neither the secret nor what it is sealed in.
func isForeign(t *testing.T, name, secret string, req *llm.Request, ask func(*llm.Request) ([]byte, error)) {
	t.Helper()
	if sent, err := ask(req); err != nil || strings.Contains(string(sent), secret) || strings.Contains(string(sent), "sallyport1.") {
		t.Errorf("%s got %s, %v", name, sent, err)
	}
}

// In a stream it is an item, or a detail, of its own, whole at once.
func TestProofsRedactedStreamed(t *testing.T) {
	t.Parallel()
	type streamer interface {
		Event(e *llm.Event) ([]byte, error)
	}
	type reader interface {
		DecodeEvent(name string, doc *llm.Document, e *llm.Event) error
	}
	for _, s := range []struct {
		signer llm.Dialect
		reader func() reader
		frames []string
	}{
		{llm.Messages, func() reader { return new(messages.Decoder) }, []string{
			`message_start {"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-4-5","usage":{"input_tokens":1,"output_tokens":1}}}`,
			`content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"b3A="}}`,
			`content_block_stop {"type":"content_block_stop","index":0}`,
			`content_block_start {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
			`content_block_delta {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello."}}`,
			`content_block_stop {"type":"content_block_stop","index":1}`,
			`message_delta {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`,
			`message_stop {"type":"message_stop"}`,
		}},
		{llm.Converse, func() reader { return new(converse.Decoder) }, []string{
			`messageStart {"role":"assistant"}`,
			`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm."}}}`,
			`contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}`,
			`contentBlockStop {"contentBlockIndex":0}`,
			`contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"bw=="}}}`,
			`contentBlockDelta {"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"cA=="}}}`,
			`contentBlockStop {"contentBlockIndex":1}`,
			`contentBlockDelta {"contentBlockIndex":2,"delta":{"text":"Hello."}}`,
			`contentBlockStop {"contentBlockIndex":2}`,
			`messageStop {"stopReason":"end_turn"}`,
		}},
	} {
		for _, k := range keepers {
			if k.dialect == s.signer {
				continue
			}
			first, err := k.decode([]byte(k.least))
			if err != nil {
				t.Fatal(err)
			}
			enc, from := k.encoder(first).(streamer), s.reader()
			var stream string
			for _, frame := range s.frames {
				name, data, _ := strings.Cut(frame, " ")
				doc, err := llm.Parse([]byte(data))
				if err != nil {
					t.Fatal(err)
				}
				var e llm.Event
				if err := from.DecodeEvent(name, doc, &e); err != nil {
					t.Fatal(err)
				}
				frames, err := enc.Event(&e)
				if err != nil {
					t.Fatal(err)
				}
				stream += string(frames)
			}
			sealed, text := strings.LastIndex(stream[:max(strings.Index(stream, "Hello."), 0)], "sallyport1."), strings.Index(stream, "Hello.")
			if sealed < 0 || text < sealed || strings.Contains(stream, "b3A=") {
				t.Errorf("%s, %s: got %s", s.signer, k.dialect, stream)
				continue
			}
			proof := stream[sealed : sealed+strings.IndexByte(stream[sealed:], '"')]
			if !wire.IsRedacted(proof) {
				t.Errorf("%s, %s: the last proof is not what nobody may read in %s", s.signer, k.dialect, stream)
			}
		}
	}
}

// A chat has one text for all that was thought. Each piece of it comes back with its own
// signature, in its order; one that was changed is left out, and with it what it moves.
func TestProofsOfSeveralThoughts(t *testing.T) {
	t.Parallel()
	block := func(text, signature string) string {
		return `{"type":"thinking","thinking":"` + text + `","signature":"` + signature + `"}`
	}
	const hidden = `{"type":"redacted_thinking","data":"b3A="}`
	thought := []string{block("Ähm.", "c2ln"), hidden, block("So be it.", "bWlu")}
	content := strings.Join(thought, ",") + `,{"type":"tool_use","id":"call_1","name":"f","input":{"a":"x"}}`
	k := keepers[len(keepers)-1]
	first, err := k.decode([]byte(k.least))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := llm.Parse([]byte(`{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","stop_reason":"tool_use","content":[` + content + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := messages.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	answer, err := k.encoder(first).Whole(&e)
	if err != nil || !strings.Contains(string(answer), `"reasoning_content":"Ähm.So be it."`) {
		t.Fatalf("got %s, %v", answer, err)
	}
	details := func(proofs ...string) string {
		var all []string
		for _, p := range proofs {
			all = append(all, `{"type":"reasoning.encrypted","data":"`+p+`"}`)
		}
		return `[` + strings.Join(all, ",") + `]`
	}
	var told struct {
		Choices []struct {
			Message struct {
				Details []struct{ Data string } `json:"reasoning_details"`
			}
		}
	}
	if err := json.Unmarshal(answer, &told); err != nil || len(told.Choices[0].Message.Details) != 3 {
		t.Fatalf("got %s, %v", answer, err)
	}
	one, two := told.Choices[0].Message.Details[0].Data, told.Choices[0].Message.Details[2].Data
	before := wire.Signer{Dialect: llm.Messages, Model: "claude-sonnet-4-5"}
	for name, tt := range map[string]struct {
		reasoning, details string // "": as told
		want               []string
	}{
		"as told":                          {want: thought},
		"the first changed":                {reasoning: "Ehm!.So be it.", want: thought[1:]},
		"the last changed":                 {reasoning: "Ähm.So be me.", want: thought[:2]},
		"the last gone":                    {reasoning: "Ähm.", want: thought[:2]},
		"moved":                            {reasoning: "So be it.Ähm.", want: thought[1:2]},
		"nothing left":                     {reasoning: " ", want: thought[1:2]},
		"one of two":                       {details: details(two), want: thought[2:]},
		"twice":                            {details: details(one, one, two, one), want: []string{thought[0], thought[2]}},
		"from before, of the whole":        {details: details(before.Proof("Ähm.So be it.", "b2xk")), want: []string{block("Ähm.So be it.", "b2xk")}},
		"from before, the last counts":     {details: details(before.Proof("Ähm.", "c2ln"), before.Proof("Ähm.So be it.", "b2xk")), want: []string{block("Ähm.So be it.", "b2xk")}},
		"from before, of something else":   {details: details(before.Proof("Ähm.", "c2ln")), want: nil},
		"a piece before the text, forged":  {details: details(before.CutProof("", "c2ln", wire.Cut{From: -1, Length: 1})), want: nil},
		"a piece behind the text, forged":  {details: details(before.CutProof("", "c2ln", wire.Cut{From: 1, Length: 1 << 62})), want: nil},
		"a piece within a letter, forged ": {details: details(before.CutProof("\xc3", "c2ln", wire.Cut{Length: 1})), want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := string(answer)
			if tt.reasoning != "" {
				body = strings.Replace(body, "Ähm.So be it.", tt.reasoning, 1)
			}
			if tt.details != "" {
				from := strings.Index(body, `"reasoning_details":`) + len(`"reasoning_details":`)
				body = body[:from] + tt.details + body[from+strings.IndexByte(body[from:], ']')+1:]
			}
			req, err := k.decode([]byte(strings.ReplaceAll(k.next(t, body), "CALL", "call_1")))
			if err != nil {
				t.Fatal(err)
			}
			if signed := req.Signed; tt.reasoning == "" && (len(signed) != 1 || signed[0].Text() != "Ähm.So be it.") && !strings.Contains(name, "forged") {
				t.Errorf("%d texts are signed, want all that was thought: nobody may edit it", len(signed))
			}
			sent, err := messages.Encode(req, "claude-opus-4-6", 4096)
			want := `"role":"assistant","content":[` + strings.Join(append(slices.Clone(tt.want), `{"type":"tool_use"`), ",")
			if err != nil || !strings.Contains(string(sent), want) {
				t.Errorf("got %s, %v, want %s", sent, err, want)
			}
			if sent, err := k.native(req); err != nil || strings.Contains(string(sent), "sallyport1.") {
				t.Errorf("another provider got %s, %v", sent, err)
			}
		})
	}
}
