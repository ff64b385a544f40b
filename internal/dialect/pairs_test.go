package dialect_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/dialect/gemini"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

var update = flag.Bool("update", false, "TestPairs writes the table of docs/protocols.md")

// A source is a dialect of clients: how it is read, and its smallest request.
type source struct {
	name   string
	decode func([]byte) (*llm.Request, error)
	least  string
}

var sources = []source{
	{"chat", chat.Decode, `{"model":"m","messages":[{"role":"user","content":"Hi"}]}`},
	{"messages", messages.Decode, `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"Hi"}]}`},
	{"responses", responses.Decode, `{"model":"m","input":[{"role":"user","content":"Hi"}]}`},
}

// A target is a dialect of providers.
type target struct {
	name   string
	encode func(*llm.Request) ([]byte, error)
}

var targets = []target{
	{"chat", func(r *llm.Request) ([]byte, error) { return chat.EncodeForeign(r, "gpt-5", chat.Flavour{}) }},
	{"messages", func(r *llm.Request) ([]byte, error) { return messages.Encode(r, "claude-opus-4-6", 4096) }},
	{"gemini", func(r *llm.Request) ([]byte, error) { return gemini.Encode(r, "gemini-2.5-pro") }},
	{"converse", func(r *llm.Request) ([]byte, error) { return converse.Encode(r, "eu.anthropic.claude-opus-4-6-v1") }},
}

// A wish is something that a client can ask for, in the words of each dialect that
// has some: members that are put over those of the smallest request.
type wish struct {
	name                      string
	chat, messages, responses string
}

const (
	png     = `iVBORw0KGgo=`
	pdf     = `JVBERi0xLjQK`
	schema  = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`
	chatFn  = `{"type":"function","function":{"name":"f","description":"d","parameters":` + schema + `}}`
	msgFn   = `{"name":"f","description":"d","input_schema":` + schema + `}`
	respFn  = `{"type":"function","name":"f","description":"d","parameters":` + schema + `}`
	chatAsk = `{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\"x\"}"}}]}`
	msgAsk  = `{"role":"assistant","content":[{"type":"tool_use","id":"call_1","name":"f","input":{"a":"x"}}]}`
	respAsk = `{"type":"function_call","call_id":"call_1","name":"f","arguments":"{\"a\":\"x\"}"}`
	hi      = `{"role":"user","content":"Hi"}`
)

var wishes = []wish{
	{"a system text", `"messages":[{"role":"system","content":"Be brief."},` + hi + `]`, `"system":"Be brief."`, `"instructions":"Be brief."`},
	{"a system text in mid-conversation", `"messages":[` + hi + `,{"role":"system","content":"Be brief."},` + hi + `]`, `"messages":[` + hi + `,{"role":"system","content":"Be brief."},` + hi + `]`, `"input":[` + hi + `,{"role":"developer","content":"Be brief."},` + hi + `]`},
	{"an image by its bytes", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,` + png + `"}}]}]`, `"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + png + `"}}]}]`, `"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,` + png + `"}]}]`},
	{"an image by its address", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.test/a.png"}}]}]`, `"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://example.test/a.png"}}]}]`, `"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.test/a.png"}]}]`},
	{"a document by its bytes", `"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,` + pdf + `"}}]}]`, `"messages":[{"role":"user","content":[{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"` + pdf + `"}}]}]`, `"input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,` + pdf + `"}]}]`},
	{"a file by its id", `"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]`, `"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file-1"}}]}]`, `"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]`},
	{"sound", `"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]`, ``, ``},
	{"function tools", `"tools":[` + chatFn + `]`, `"tools":[` + msgFn + `]`, `"tools":[` + respFn + `]`},
	{"tools in a namespace", ``, ``, `"tools":[{"type":"namespace","name":"n","description":"d","tools":[` + respFn + `]}]`},
	{"tools that take a text", ``, ``, `"tools":[{"type":"custom","name":"f","description":"d"}]`},
	{"tools that the provider runs", `"tools":[{"type":"web_search"}]`, `"tools":[{"type":"web_search_20250305","name":"web_search"}]`, `"tools":[{"type":"web_search"}]`},
	{"a call of a tool and its result", `"tools":[` + chatFn + `],"messages":[` + hi + `,` + chatAsk + `,{"role":"tool","tool_call_id":"call_1","content":"y"}]`, `"tools":[` + msgFn + `],"messages":[` + hi + `,` + msgAsk + `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":"y"}]}]`, `"tools":[` + respFn + `],"input":[` + hi + `,` + respAsk + `,{"type":"function_call_output","call_id":"call_1","output":"y"}]`},
	{"an image in a tool's result", ``, `"tools":[` + msgFn + `],"messages":[` + hi + `,` + msgAsk + `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + png + `"}}]}]}]`, `"tools":[` + respFn + `],"input":[` + hi + `,` + respAsk + `,{"type":"function_call_output","call_id":"call_1","output":[{"type":"input_image","image_url":"data:image/png;base64,` + png + `"}]}]`},
	{"any tool must be called", `"tools":[` + chatFn + `],"tool_choice":"required"`, `"tools":[` + msgFn + `],"tool_choice":{"type":"any"}`, `"tools":[` + respFn + `],"tool_choice":"required"`},
	{"one tool must be called", `"tools":[` + chatFn + `],"tool_choice":{"type":"function","function":{"name":"f"}}`, `"tools":[` + msgFn + `],"tool_choice":{"type":"tool","name":"f"}`, `"tools":[` + respFn + `],"tool_choice":{"type":"function","name":"f"}`},
	{"no tool may be called", `"tools":[` + chatFn + `],"tool_choice":"none"`, `"tools":[` + msgFn + `],"tool_choice":{"type":"none"}`, `"tools":[` + respFn + `],"tool_choice":"none"`},
	{"one call at a time", `"tools":[` + chatFn + `],"parallel_tool_calls":false`, `"tools":[` + msgFn + `],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, `"tools":[` + respFn + `],"parallel_tool_calls":false`},
	{"the bound of the answer", `"max_tokens":7`, `"max_tokens":7`, `"max_output_tokens":7`},
	{"temperature", `"temperature":0.25`, `"temperature":0.25`, `"temperature":0.25`},
	{"temperature over 1", `"temperature":1.5`, ``, `"temperature":1.5`},
	{"top_p", `"top_p":0.25`, `"top_p":0.25`, `"top_p":0.25`},
	{"top_k", `"top_k":5`, `"top_k":5`, ``},
	{"stop sequences", `"stop":["END"]`, `"stop_sequences":["END"]`, ``},
	{"an answer in JSON", `"response_format":{"type":"json_object"}`, ``, `"text":{"format":{"type":"json_object"}}`},
	{"an answer by a JSON Schema", `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":` + schema + `}}`, `"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}`, `"text":{"format":{"type":"json_schema","name":"n","schema":` + schema + `}}`},
	{"how much to think", `"reasoning_effort":"high"`, `"output_config":{"effort":"high"}`, `"reasoning":{"effort":"high"}`},
	{"a budget of thinking", ``, `"thinking":{"type":"enabled","budget_tokens":8000}`, ``},
	{"thinking of earlier turns", `"messages":[` + hi + `,{"role":"assistant","content":"Yes.","reasoning_content":"Hm."},` + hi + `]`, `"messages":[` + hi + `,{"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},{"type":"text","text":"Yes."}]},` + hi + `]`, `"input":[` + hi + `,{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"b3A="},{"role":"assistant","content":"Yes."},` + hi + `]`},
	{"marks of caches", `"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]`, `"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]`, ``},
	{"who the user is", `"user":"u-1"`, ``, `"user":"u-1"`},
	{"several answers", `"n":2`, ``, ``},
	{"log-probabilities", `"logprobs":true`, ``, `"top_logprobs":2`},
	{"penalties", `"presence_penalty":0.5`, ``, ``},
	{"a seed", `"seed":3`, ``, ``},
	{"a field that nobody knows", `"magic":true`, `"magic":true`, `"magic":true`},
}

func (w wish) of(source string) string {
	switch source {
	case "chat":
		return w.chat
	case "messages":
		return w.messages
	}
	return w.responses
}

// over puts the members of an object over those of another.
func over(t *testing.T, least, members string) []byte {
	t.Helper()
	body := make(map[string]json.RawMessage)
	for _, part := range []string{least, "{" + members + "}"} {
		if err := json.Unmarshal([]byte(part), &body); err != nil {
			t.Fatalf("%s: %v", part, err)
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The three fates of a wish, in the words of the table.
const (
	carried = "carried"
	leftOut = "left out"
	refused = "refused"
	unsaid  = "–"
)

// fate is what becomes of the wish in what a provider gets: it changes that, it
// does not, or the request is refused.
func fate(t *testing.T, s source, to target, w wish) string {
	t.Helper()
	if w.of(s.name) == "" {
		return unsaid
	}
	encoded := func(members string) ([]byte, error) {
		req, err := s.decode(over(t, s.least, members))
		if err != nil {
			return nil, err
		}
		return to.encode(req)
	}
	plainly := baseOf(w.of(s.name), s.name)
	without, err := encoded(plainly)
	if err != nil {
		t.Fatalf("%s to %s without %s: %v", s.name, to.name, w.name, err)
	}
	with, err := encoded(w.of(s.name))
	switch code := sallyport.CodeOf(err); {
	case code == sallyport.UnsupportedField, code == sallyport.UnsupportedTool:
		return refused
	case err != nil:
		t.Fatalf("%s to %s with %s: %v", s.name, to.name, w.name, err)
	case string(with) == string(without):
		return leftOut
	}
	return carried
}

// baseOf is what the same request says without the wish where that is not its
// smallest form: the tools that a choice is about, the turns around a thought.
func baseOf(members, name string) string {
	tools := map[string]string{"chat": `"tools":[` + chatFn + `]`, "messages": `"tools":[` + msgFn + `]`, "responses": `"tools":[` + respFn + `]`}[name]
	switch {
	case strings.Contains(members, "tool_choice"), strings.Contains(members, "parallel_tool_calls"):
		return tools
	case strings.Contains(members, "reasoning_content"), strings.Contains(members, `"thinking"`):
		return `"messages":[` + hi + `,{"role":"assistant","content":"Yes."},` + hi + `]`
	case strings.Contains(members, "encrypted_content"):
		return `"input":[` + hi + `,{"role":"assistant","content":"Yes."},` + hi + `]`
	}
	return ""
}

// The marks in docs/protocols.md between which the table stands.
const (
	tableBegin = "<!-- made by: go test ./internal/dialect -run TestPairs -update -->\n"
	tableEnd   = "<!-- end -->\n"
	tablePath  = "../../docs/protocols.md"
)

// TestPairs makes the table of what each dialect of clients loses on each dialect
// of providers, and wants the one in the documentation to be the same.
func TestPairs(t *testing.T) {
	var pairs []string
	cells := make(map[string][]string)
	for _, s := range sources {
		for _, to := range targets {
			if s.name == to.name {
				continue
			}
			pairs = append(pairs, s.name+" → "+to.name)
			for _, w := range wishes {
				cells[w.name] = append(cells[w.name], fate(t, s, to, w))
			}
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "| | %s |\n|---|%s\n", strings.Join(pairs, " | "), strings.Repeat("---|", len(pairs)))
	for _, w := range wishes {
		fmt.Fprintf(&table, "| %s | %s |\n", w.name, strings.Join(cells[w.name], " | "))
	}
	text, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	have, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", tablePath)
	}
	switch {
	case *update:
		text := before + tableBegin + "\n" + table.String() + "\n" + tableEnd + after
		if err := os.WriteFile(tablePath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	case strings.TrimSpace(have) != strings.TrimSpace(table.String()):
		t.Errorf("%s tells another story than the code:\n%s\nwant, by -update,\n%s", tablePath, have, table.String())
	}
	if seen := slices.Sorted(maps.Keys(cells)); len(seen) != len(wishes) {
		t.Errorf("two wishes have one name: %v", seen)
	}
}
