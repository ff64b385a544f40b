package messagestest

import (
	"strings"
	"testing"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	const good = `{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t","name":"f","input":{}}],` +
		`"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`
	if got, err := Whole(good); err != nil || got.Blocks[0].Text != "{}" || got.Stop != "tool_use" {
		t.Errorf("got %+v, %v", got, err)
	}
	for old, wrong := range map[string]string{
		`"id":"a",`: "", `"type":"message",`: "", `"assistant"`: `"user"`, `"model":"m",`: "", `"type":"tool_use",`: "", `"id":"t",`: "", `"name":"f",`: "",
		`"input":{}`: `"input":"{}"`, `"stop_reason":"tool_use",`: "", `"input_tokens":1,`: "", `,"usage":{"input_tokens":1,"output_tokens":1}`: "",
	} {
		if got, err := Whole(strings.Replace(good, old, wrong, 1)); err == nil {
			t.Errorf("%s as %q: got %+v", old, wrong, got)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	const good = `{"type":"error","error":{"type":"api_error","message":"No."}}`
	if kind, err := Error(good); kind != "api_error" || err != nil {
		t.Errorf("got %q, %v", kind, err)
	}
	for old, wrong := range map[string]string{`"type":"error",`: "", `"type":"api_error",`: "", `,"message":"No."`: "", good: "["} {
		if kind, err := Error(strings.Replace(good, old, wrong, 1)); err == nil {
			t.Errorf("%s as %q: got %q", old, wrong, kind)
		}
	}
}
