package chattest

import (
	"strings"
	"testing"
)

func frame(choices string) string {
	return `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[` + choices + "]}\n\n"
}

const (
	role  = `{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`
	hi    = `{"index":0,"delta":{"content":"Hi"},"finish_reason":null}`
	call  = `{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]},"finish_reason":null}`
	more  = `{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]},"finish_reason":null}`
	stop  = `{"index":0,"delta":{},"finish_reason":"stop"}`
	calls = `{"index":0,"delta":{},"finish_reason":"tool_calls"}`
	done  = "data: [DONE]\n\n"
)

// What a strict client does not take is told.
func TestRead(t *testing.T) {
	t.Parallel()
	usage := strings.Replace(frame(""), "]}", `],"usage":{}}`, 1)
	failure := "event: error\ndata: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"x\",\"param\":null}}\n\n"
	for name, stream := range map[string]string{
		"text": frame(role) + frame(hi) + frame(stop) + usage + done, "calls": frame(role) + frame(call) + frame(more) + frame(calls) + done,
		"failure": frame(role) + failure + done,
	} {
		if got, err := Read(stream); err != nil || (got.Error != "") != (name == "failure") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for wrong, stream := range map[string]string{
		"no [DONE]":      frame(role) + frame(stop),
		"no role":        frame(hi) + frame(stop) + done,
		"the role twice": frame(role) + frame(role) + frame(stop) + done,
		"goes on":        frame(role) + frame(stop) + frame(hi) + done,
		"no end":         frame(role) + frame(hi) + done,
		"after the end":  frame(role) + frame(stop) + done + done,
		"another id":     frame(role) + strings.Replace(frame(stop), `"c"`, `"d"`, 1) + done,
		"not begun":      frame(role) + frame(more) + frame(calls) + done,
		"no JSON":        frame(role) + frame(call) + frame(calls) + done,
		"1 calls":        frame(role) + frame(call) + frame(more) + frame(stop) + done,
		"before the end": frame(role) + usage + frame(stop) + done,
		"the middle":     frame(role) + "data: {",
		"after an error": frame(role) + failure + frame(stop) + done,
		"param":          frame(role) + strings.Replace(failure, `,"param":null`, "", 1) + done,
		"no error":       frame(role) + strings.Replace(failure, "error", "oops", 1) + done,
		"no chunk":       frame(role) + strings.Replace(frame(stop), ".chunk", "", 1) + done,
		"cannot":         frame(role) + strings.Replace(frame(hi), `"Hi"`, "7", 1) + done,
	} {
		if _, err := Read(stream); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}
