package completionstest

import (
	"strings"
	"testing"
)

func body(choices, more string) string {
	return `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[` + choices + "]" + more + "}"
}

func frame(choices, more string) string { return "data: " + body(choices, more) + "\n\n" }

const (
	hi   = `{"text":"Hi","index":0,"logprobs":null,"finish_reason":null}`
	stop = `{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}`
	done = "data: [DONE]\n\n"
)

// What a strict client does not take is told.
func TestRead(t *testing.T) {
	t.Parallel()
	usage := frame("", `,"usage":{}`)
	failure := "event: error\ndata: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"x\",\"param\":null}}\n\n"
	for name, stream := range map[string]string{
		"text": frame(hi, "") + frame(stop, "") + usage + done, "failure": frame(hi, "") + failure + done,
	} {
		if got, err := Read(stream); err != nil || got.Text != "Hi" || (got.Error != "") != (name == "failure") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for wrong, stream := range map[string]string{
		"no [DONE]":          frame(stop, ""),
		"no end":             frame(hi, "") + done,
		"after the end":      frame(stop, "") + done + done,
		"after the usage":    frame(stop, "") + usage + usage + done,
		"before the end":     frame(hi, "") + usage + frame(stop, "") + done,
		"goes on after":      frame(stop, "") + frame(hi, "") + done,
		"another id":         frame(hi, "") + strings.Replace(frame(stop, ""), `"c"`, `"d"`, 1) + done,
		"no text completion": strings.Replace(frame(stop, ""), "text_completion", "chat.completion", 1) + done,
		"after an error":     frame(hi, "") + failure + frame(stop, "") + done,
		"param is missing":   frame(hi, "") + strings.Replace(failure, `,"param":null`, "", 1) + done,
		"the middle":         frame(hi, "") + "data: {",
	} {
		if _, err := Read(stream); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	if got, err := Whole(body(strings.Replace(hi, "null}", `"stop"}`, 1), `,"usage":{}`)); err != nil || got.Text != "Hi" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, wrong := range []string{body(hi, `,"usage":{}`), body(stop, ""), body("", ""), "{}", "["} {
		if got, err := Whole(wrong); err == nil {
			t.Errorf("%s: got %+v", wrong, got)
		}
	}
}
