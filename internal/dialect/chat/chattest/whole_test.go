package chattest

import (
	"strings"
	"testing"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	const good = `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,` +
		`"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{}}`
	if got, err := Whole(good); err != nil || len(got.Calls) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	for old, wrong := range map[string]string{
		`"id":"c",`: "", `chat.completion`: "chat.completion.chunk", `"created":1,`: "", `"model":"m",`: "", `"index":0`: `"index":1`,
		`"role":"assistant"`: `"role":"user"`, `"content":null,`: "", `"content":null`: `"content":[]`, `"type":"function",`: "",
		`"id":"a",`: "", `"{}"`: `"{"`, `"finish_reason":"tool_calls"`: `"finish_reason":"stop"`, `,"finish_reason":"tool_calls"`: "", `,"usage":{}`: "",
	} {
		if got, err := Whole(strings.Replace(good, old, wrong, 1)); err == nil {
			t.Errorf("%s as %q: got %+v", old, wrong, got)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	const good = `{"error":{"message":"m","type":"t","code":"x","param":null}}`
	if code, err := Error(good); code != "x" || err != nil {
		t.Errorf("got %q, %v", code, err)
	}
	if code, err := Error(strings.Replace(good, `"x"`, "null", 1)); code != "" || err != nil {
		t.Errorf("got %q, %v", code, err)
	}
	for old, wrong := range map[string]string{
		`"message":"m",`: "", `"type":"t",`: "", `"code":"x",`: "", `,"param":null`: "", `"m"`: "null", `"t"`: "7", `"x"`: "7", good: `{"error":"no"}`,
	} {
		if code, err := Error(strings.Replace(good, old, wrong, 1)); err == nil {
			t.Errorf("%s as %q: got %q", old, wrong, code)
		}
	}
}
