package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offlineHeard is what a sink got from the offline model.
type offlineHeard struct {
	text, arguments, tool, callID string
	finish                        llm.StopReason
	usage                         llm.Usage
	pieces                        []string
	done                          bool
	bodies                        []string
}

func (h *offlineHeard) take(e *llm.Event) error {
	if e.Body != nil {
		h.bodies = append(h.bodies, string(e.Body.Raw()))
	}
	for _, d := range e.Deltas {
		switch d.Kind {
		case llm.TextDelta:
			h.text += strings.Clone(d.Text.Text()) // "" + s is s itself, and its bytes are reused
			if d.Text.Text() != "" {
				h.pieces = append(h.pieces, strings.Clone(d.Text.Text()))
			}
		case llm.ToolCallDelta:
			h.callID, h.tool = strings.Clone(d.ToolID.Text()), strings.Clone(d.ToolName.Text())
		case llm.ToolArgumentsDelta:
			h.arguments += strings.Clone(d.Text.Text())
		}
	}
	for _, f := range e.Finishes {
		h.finish = f.Reason
	}
	if e.Usage != nil {
		h.usage = *e.Usage
	}
	h.done = h.done || e.Kind == llm.DoneEvent || e.Kind == llm.WholeEvent
	return nil
}

// offlineWith returns an offline model that follows the script, "" for none.
func offlineWith(t *testing.T, script string) Provider {
	t.Helper()
	cfg := Config{Name: "offline", Type: "offline"}
	if script != "" {
		cfg.Script = filepath.Join(t.TempDir(), "script.yaml")
		if err := os.WriteFile(cfg.Script, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func chatRequest(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := chat.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// hearBoth asks plainly and streamed, and checks that both say the same.
func hearBoth(t *testing.T, p Provider, members string) offlineHeard {
	t.Helper()
	var plain, streamed offlineHeard
	if _, err := p.Do(t.Context(), "demo", chatRequest(t, `{"model":"m",`+members+`}`), plain.take); err != nil {
		t.Fatalf("plain: %v", err)
	}
	if _, err := p.Do(t.Context(), "demo", chatRequest(t, `{"model":"m","stream":true,`+members+`}`), streamed.take); err != nil {
		t.Fatalf("streamed: %v", err)
	}
	if plain.text != streamed.text || plain.tool != streamed.tool || plain.arguments != streamed.arguments ||
		plain.finish != streamed.finish || plain.usage != streamed.usage || !plain.done || !streamed.done {
		t.Fatalf("plain and streamed answers differ:\n%+v\n%+v", plain, streamed)
	}
	return streamed
}

const (
	weatherTool = `"tools":[{"type":"function","function":{"name":"clock"}},{"type":"function","function":{"name":"weather","parameters":{"type":"object",
		"required":["town","unit","days","exact","at","tags","note"],"properties":{"town":{"type":"string"},"unit":{"type":"string","enum":["C","F"]},"days":{"type":"integer","minimum":1},
		"exact":{"type":"boolean"},"at":{"type":"object","required":["lat"],"properties":{"lat":{"type":["number","null"]}}},"tags":{"type":"array"},"note":{"type":"null"},"left_out":{"type":"string"}}}}}]`
	weatherArguments = `{"at":{"lat":0},"days":1,"exact":false,"note":null,"tags":[],"town":%s,"unit":"C"}`
)

func TestOfflineBuiltin(t *testing.T) {
	t.Parallel()
	user := func(text string) string {
		return `"messages":[{"role":"user","content":` + string(llm.Quote(text)) + `}]`
	}
	answered := `"messages":[{"role":"user","content":"call weather"},{"role":"assistant","content":null,"tool_calls":[
		{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"clock","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"c1","content":"rain"},{"role":"tool","tool_call_id":"c2","content":"noon"}]`
	tests := []struct {
		name, members         string
		text, tool, arguments string
		finish                llm.StopReason
	}{
		{name: "echo", members: user("Hello ⟦EMAIL_ADDRESS:k7⟧ <b>"), text: offlineSentence + " You said: Hello ⟦EMAIL_ADDRESS:k7⟧ <b>", finish: llm.StopEnd},
		{name: "no text", members: user(""), text: offlineSentence + " You sent no text.", finish: llm.StopEnd},
		{name: "long text", members: user(strings.Repeat("é", 5_000)), text: offlineSentence + " You said: " + strings.Repeat("é", 1_000) + "…", finish: llm.StopEnd},
		{name: "last text of the user", members: `"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":[{"type":"text","text":"three"},{"type":"text","text":"four"}]}]`,
			text: offlineSentence + " You said: three\nfour", finish: llm.StopEnd},
		{name: "max_tokens", members: `"max_tokens":3,` + user("Hello"), text: offlineSentence[:12], finish: llm.StopLength},
		{name: "max_tokens that are just enough", members: `"max_tokens":18,` + user("Hi"), text: offlineSentence + " You said: Hi", finish: llm.StopEnd},
		{name: "stop", members: `"stop":["never"," a script"],` + user("Hello"), text: "This is Sallyport's offline model:", finish: llm.StopEnd},
		{name: "stop as a string", members: `"stop":":",` + user("Hello"), text: "This is Sallyport's offline model", finish: llm.StopEnd},
		{name: "a tool that the text names", members: weatherTool + "," + user("Please CALL weather!"), tool: "weather", arguments: fmt.Sprintf(weatherArguments, `"Please CALL weather!"`), finish: llm.StopTools},
		{name: "a longer name is another tool", members: weatherTool + "," + user("call weather_map"), text: offlineSentence + " You said: call weather_map", finish: llm.StopEnd},
		{name: "a tool is required", members: `"tool_choice":"required",` + weatherTool + "," + user("Hi"), tool: "clock", arguments: `{}`, finish: llm.StopTools},
		{name: "a tool is required and named", members: `"tool_choice":"required",` + weatherTool + "," + user("call weather"), tool: "weather", arguments: fmt.Sprintf(weatherArguments, `"call weather"`), finish: llm.StopTools},
		{name: "this tool is required", members: `"tool_choice":{"type":"function","function":{"name":"weather"}},` + weatherTool + "," + user("call clock"), tool: "weather", arguments: fmt.Sprintf(weatherArguments, `"call clock"`), finish: llm.StopTools},
		{name: "no tool is wanted", members: `"tool_choice":"none",` + weatherTool + "," + user("call clock"), text: offlineSentence + " You said: call clock", finish: llm.StopEnd},
		{name: "the tools answered", members: weatherTool + "," + answered, text: offlineSentence + " The tool answered: rain\nnoon", finish: llm.StopEnd},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := hearBoth(t, offlineWith(t, ""), test.members)
			if got.text != test.text || got.tool != test.tool || got.arguments != test.arguments || got.finish != test.finish {
				t.Errorf("got text %q, tool %q with %s, finish %s\nwant %q, %q with %s, %s",
					got.text, got.tool, got.arguments, got.finish, test.text, test.tool, test.arguments, test.finish)
			}
			if want := tokensOf(len(test.text) + len(test.arguments)); got.usage.Output != want || got.usage.Input == 0 && test.name != "no text" {
				t.Errorf("got usage %+v, want %d out and some in", got.usage, want)
			}
			if test.tool != "" && !json.Valid([]byte(got.arguments)) {
				t.Errorf("arguments are not JSON: %s", got.arguments)
			}
		})
	}
}

func TestOfflineIsDeterministic(t *testing.T) {
	t.Parallel()
	ask := func(text string) string {
		p := offlineWith(t, "").(*offline)
		p.now = func() time.Time { return time.Unix(1_700_000_000, 0) }
		var heard offlineHeard
		req := chatRequest(t, `{"model":"m","stream":true,"messages":[{"role":"user","content":"`+text+`"}]}`)
		if _, err := p.Do(t.Context(), "demo", req, heard.take); err != nil {
			t.Fatal(err)
		}
		return strings.Join(heard.bodies, "\n")
	}
	if first, second := ask("one"), ask("one"); first != second {
		t.Error("the same request got two different answers")
	}
	id := func(s string) string { return s[:strings.Index(s, `","object"`)] }
	if id(ask("one")) == id(ask("two")) {
		t.Error("two requests got answers of the same id")
	}
}

// The wire is what clients validate: members that the dialect requires are there.
func TestOfflineWire(t *testing.T) {
	t.Parallel()
	p := offlineWith(t, "").(*offline)
	p.now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	var plain, streamed offlineHeard
	if _, err := p.Do(t.Context(), "demo", chatRequest(t, `{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"Hi"}]}`), plain.take); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Do(t.Context(), "demo", chatRequest(t, `{"model":"m","max_tokens":2,"stream":true,"messages":[{"role":"user","content":"Hi"}]}`), streamed.take); err != nil {
		t.Fatal(err)
	}
	withoutID := func(bodies []string) string {
		text := strings.Join(bodies, "\n")
		id := text[strings.Index(text, "chatcmpl-"):]
		return strings.ReplaceAll(text, id[:strings.IndexByte(id, '"')], "ID")
	}
	const common = `,"created":1700000000,"model":"demo","choices":[`
	if got, want := withoutID(plain.bodies), `{"id":"ID","object":"chat.completion"`+common+
		`{"index":0,"message":{"role":"assistant","content":"This is ","refusal":null},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`; got != want {
		t.Errorf("plain:\n got %s\nwant %s", got, want)
	}
	want := ""
	for _, choice := range []string{
		`{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}`,
		`{"index":0,"delta":{"content":"This "},"logprobs":null,"finish_reason":null}]}`,
		`{"index":0,"delta":{"content":"is "},"logprobs":null,"finish_reason":null}]}`,
		`{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]}`,
		`],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`,
	} {
		want += `{"id":"ID","object":"chat.completion.chunk"` + common + choice + "\n"
	}
	if got := withoutID(streamed.bodies) + "\n"; got != want {
		t.Errorf("streamed:\n got %s\nwant %s", got, want)
	}
}

func TestOfflineRefusesSeveralAnswers(t *testing.T) {
	t.Parallel()
	req := chatRequest(t, `{"model":"m","n":2,"messages":[{"role":"user","content":"Hi"}]}`)
	_, err := offlineWith(t, "").Do(t.Context(), "demo", req, new(offlineHeard).take)
	if sallyport.CodeOf(err) != sallyport.UnsupportedField || !strings.Contains(err.Error(), "n:") {
		t.Errorf("got %v, want %s that names n", err, sallyport.UnsupportedField)
	}
}

func TestOfflineStopsWithItsSink(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	calls := 0
	_, err := offlineWith(t, "").Do(t.Context(), "demo", chatRequest(t, `{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}`),
		func(*llm.Event) error { calls++; return full })
	if err != full || calls != 1 {
		t.Errorf("got %v after %d events, want the sink's error after 1", err, calls)
	}
}

const script = `
# what the tests below ask for
- match: hello
  model: other
  reply: from the other model
- match: hello
  reply: "You said {{last}}, {{last}}."
- match: /^weather in (Oslo|Bergen)$/
  tool_call: {name: weather, arguments: {town: "{{last}}", days: 3, deep: {at: [1, true, null]}}}
- match: weather
  reply: "It is {{result}}"
- match: pieces
  chunks: [a, "bc", "{{last}} d"]
- match: busy
  error: {status: 529, message: 'too "busy"', retry_after: 7}
- match: raw
  error: {status: 400, body: '{"x":1}'}
- match: forbidden
  error: {status: 403}
- match: slow
  delay: 90s
  reply: at last
- match: broken pieces
  chunks: [unreachable]
- match: break
  chunks: [one, two, three]
  cut: 2
- match: at once
  cut: 0
- match: bare
  tool_call: {name: clock}
`

func TestOfflineScript(t *testing.T) {
	t.Parallel()
	user := func(text string) string { return `"messages":[{"role":"user","content":"` + text + `"}]` }
	tests := []struct {
		name, members                 string
		text, tool, arguments, pieces string
	}{
		{name: "substring", members: user("oh hello"), text: "You said oh hello, oh hello.", pieces: "You |said |oh |hello, |oh |hello."},
		{name: "expression", members: user("weather in Oslo"), tool: "weather", arguments: `{"days":3,"deep":{"at":[1,true,null]},"town":"weather in Oslo"}`},
		{name: "expression that does not match", members: user("weather in Rome"), text: "It is ", pieces: "It |is "},
		{name: "after the tool's answer the call does not apply again", members: `"messages":[{"role":"user","content":"weather in Oslo"},
			{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"weather","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"wet"}]`,
			text: "It is wet", pieces: "It |is |wet"},
		{name: "explicit pieces", members: user("pieces"), text: "abcpieces d", pieces: "a|bc|pieces d"},
		{name: "pieces and max_tokens", members: `"max_tokens":1,` + user("pieces"), text: "abcp", pieces: "a|bc|p"},
		{name: "no arguments", members: user("bare"), tool: "clock", arguments: `{}`},
		{name: "no rule matches", members: user("else"), text: offlineSentence + " You said: else", pieces: "This |is |Sallyport's |offline |model: |a |script, |not |an |AI. |You |said: |else"},
	}
	p := offlineWith(t, script)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := hearBoth(t, p, test.members)
			if got.text != test.text || got.tool != test.tool || got.arguments != test.arguments || strings.Join(got.pieces, "|") != test.pieces {
				t.Errorf("got %q (%s), %s with %s\nwant %q (%s), %s with %s", got.text, strings.Join(got.pieces, "|"), got.tool, got.arguments,
					test.text, test.pieces, test.tool, test.arguments)
			}
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		var heard offlineHeard
		if _, err := p.Do(t.Context(), "other", chatRequest(t, `{"model":"m",`+user("hello")+`}`), heard.take); err != nil {
			t.Fatal(err)
		}
		if heard.text != "from the other model" {
			t.Errorf("got %q", heard.text)
		}
	})
}

// The example of the manual is a script.
func TestOfflineManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/offline-model.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(manual), "```yaml\n")
	example, _, ended := strings.Cut(example, "```\n")
	if !found || !ended {
		t.Fatal("the manual has no example")
	}
	got := hearBoth(t, offlineWith(t, example), `"messages":[{"role":"user","content":"The Weather in Oslo?"}]`)
	if want := `{"days":3,"question":"The Weather in Oslo?"}`; got.tool != "get_weather" || got.arguments != want {
		t.Errorf("got %s with %s, want get_weather with %s", got.tool, got.arguments, want)
	}
}

func TestOfflineScriptErrors(t *testing.T) {
	t.Parallel()
	p := offlineWith(t, script)
	ask := func(text, more string) (llm.Receipt, offlineHeard, error) {
		var heard offlineHeard
		receipt, err := p.Do(t.Context(), "demo", chatRequest(t, `{"model":"m"`+more+`,"messages":[{"role":"user","content":"`+text+`"}]}`), heard.take)
		return receipt, heard, err
	}
	t.Run("message", func(t *testing.T) {
		receipt, _, err := ask("busy", "")
		var failed *llm.UpstreamError
		if !errors.As(err, &failed) || failed.Status != 529 || receipt.Status != 529 || failed.RetryAfter != "7" || failed.ContentType != "application/json" ||
			string(failed.Body) != `{"error":{"message":"too \"busy\"","type":"server_error","code":null,"param":null}}` {
			t.Errorf("got %#v with %+v", err, receipt)
		}
	})
	t.Run("body", func(t *testing.T) {
		_, _, err := ask("raw", "")
		var failed *llm.UpstreamError
		if !errors.As(err, &failed) || string(failed.Body) != `{"x":1}` || failed.Status != 400 {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("credential", func(t *testing.T) {
		if _, _, err := ask("forbidden", ""); sallyport.CodeOf(err) != sallyport.UpstreamAuth {
			t.Errorf("got %v, want %s", err, sallyport.UpstreamAuth)
		}
	})
	t.Run("cut", func(t *testing.T) {
		_, heard, err := ask("break", `,"stream":true`)
		if sallyport.CodeOf(err) != sallyport.UpstreamClosed || heard.text != "onetwo" || heard.done || heard.finish != "" {
			t.Errorf("got %v and %+v", err, heard)
		}
	})
	t.Run("cut before the first piece", func(t *testing.T) {
		_, heard, err := ask("at once", `,"stream":true`)
		if sallyport.CodeOf(err) != sallyport.UpstreamClosed || heard.text != "" || heard.done || len(heard.bodies) != 1 {
			t.Errorf("got %v and %+v", err, heard)
		}
	})
	t.Run("cut of a plain answer", func(t *testing.T) {
		_, heard, err := ask("break", "")
		if sallyport.CodeOf(err) != sallyport.UpstreamClosed || len(heard.bodies) != 0 {
			t.Errorf("got %v and %+v", err, heard)
		}
	})
}

func TestOfflineDelay(t *testing.T) {
	t.Parallel()
	p := offlineWith(t, script)
	req := chatRequest(t, `{"model":"m","messages":[{"role":"user","content":"slow"}]}`)
	t.Run("OK", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var heard offlineHeard
			if _, err := p.Do(t.Context(), "demo", req, heard.take); err != nil || heard.text != "at last" {
				t.Errorf("got %v and %q", err, heard.text)
			}
			if took := time.Since(begun); took != 90*time.Second {
				t.Errorf("took %s, want 90s", took)
			}
		})
	})
	t.Run("Interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begun := time.Now()
			_, err := p.Do(ctx, "demo", req, func(*llm.Event) error { t.Error("an event came"); return nil })
			if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
				t.Errorf("got %v after %s, want the deadline after 1s", err, took)
			}
		})
	})
}

func TestOfflineScriptRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, line, words string }{
		{"unknown key", "- match: a\n  reply: b\n  replay: c\n", "3", "replay"},
		{"unknown key of a call", "- match: a\n  tool_call: {name: f}\n- match: a\n  tool_call:\n    name: f\n    args: {}\n", "6", "args"},
		{"a key twice", "- match: a\n  reply: b\n  reply: c\n", "3", "reply"},
		{"no list", "reply: b\n", "1", ""},
		{"broken", "- match: \"a\n", "1", ""},
		{"two actions", "- reply: fine\n\n- match: a\n  reply: b\n  chunks: [c]\n", "3", "one thing"},
		{"no action", "- match: a\n", "1", "needs reply"},
		{"expression", "- match: fine\n  reply: b\n- match: /(/\n  reply: b\n", "3", "match"},
		{"delay without a unit", "- match: a\n  delay: 5\n  reply: b\n", "2", "delay"},
		{"delay that is too long", "- match: a\n  delay: 100h\n  reply: b\n", "2", "delay"},
		{"cut", "- match: a\n  cut: -1\n", "1", "cut"},
		{"status", "- match: a\n  error: {status: 200}\n", "1", "status"},
		{"tool without a name", "- match: a\n  tool_call: {arguments: {}}\n", "1", "name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "script.yaml")
			if err := os.WriteFile(path, []byte(test.script), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(Config{Name: "offline", Type: "offline", Script: path})
			if err == nil {
				t.Fatal("the script was taken")
			}
			text := err.Error()
			if !(strings.Contains(text, "["+test.line+":") || strings.Contains(text, "line "+test.line+":")) ||
				!strings.Contains(text, test.words) || !strings.Contains(text, path) {
				t.Errorf("got %v, want line %s and %q", err, test.line, test.words)
			}
		})
	}
	for text, words := range map[string]string{"- match: a\n  reply: b\n-\n": "rule 2", "- reply: a\n---\n- reply: b\n": "---"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			if rules, err := parseOfflineScript([]byte(text)); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("got %v and %v, want an error with %q", rules, err, words)
			}
		})
	}
	t.Run("missing file", func(t *testing.T) {
		t.Parallel()
		if _, err := New(Config{Name: "offline", Type: "offline", Script: filepath.Join(t.TempDir(), "none.yaml")}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("empty file", func(t *testing.T) {
		t.Parallel()
		if got := hearBoth(t, offlineWith(t, "# nothing yet\n"), `"messages":[{"role":"user","content":"Hi"}]`); !strings.HasPrefix(got.text, offlineSentence) {
			t.Errorf("got %q", got.text)
		}
	})
}
