package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// mockMode starts this program as the provider.
const mockMode = "mock"

// gatewayCredential is what the gateway shows to the provider. Who shows it must
// not send an address.
const gatewayCredential = "credential-of-the-gateway"

// mock is a provider that speaks OpenAI's chat completions and does no work. It
// looks for what it needs in the body instead of parsing it: its own cost is in
// every figure.
type mock struct{}

func (mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body is cut", http.StatusBadRequest)
		return
	}
	model := between(body, `"model":"`, `"`)
	var chunks, gapMS int
	if _, err := fmt.Sscanf(string(model), "mock-%d-%d", &chunks, &gapMS); err != nil {
		http.Error(w, "no such model", http.StatusNotFound)
		return
	}
	if r.Header.Get("Authorization") == "Bearer "+gatewayCredential && bytes.IndexByte(body, '@') >= 0 {
		http.Error(w, "an address came through", http.StatusInternalServerError)
		return
	}
	a := mockAnswer{w: w, model: model, promptTokens: len(body) / 4}
	if bytes.Contains(body, []byte(`"stream":true`)) {
		a.stream(chunks, time.Duration(gapMS)*time.Millisecond, bytes.Contains(body, []byte(`"include_usage":true`)))
		return
	}
	a.whole(between(body, writeTo, " "))
}

// between returns what stands behind the first before, up to the next after.
func between(body []byte, before, after string) []byte {
	_, rest, _ := bytes.Cut(body, []byte(before))
	found, _, _ := bytes.Cut(rest, []byte(after))
	return found
}

type mockAnswer struct {
	w            http.ResponseWriter
	model        []byte
	promptTokens int
}

// whole answers at once, and names the addressee that the prompt named.
func (a mockAnswer) whole(addressee []byte) {
	const said = "We looked at the question with care. The short answer is that it depends on the size of the team, on the " +
		"time there is, and on what was promised before. Begin with the smallest change that can be undone, look at what " +
		"it does for a day, and write down what you saw. Then decide whether to go on. If it does not help, take it back."
	a.w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(a.w, `{"id":"chatcmpl-mock","object":"chat.completion","created":1767225600,"model":"%s","choices":[`+
		`{"index":0,"message":{"role":"assistant","content":"%s I wrote to %s today.","refusal":null},"logprobs":null,"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":%d,"completion_tokens":100,"total_tokens":%d}}`,
		a.model, said, addressee, a.promptTokens, a.promptTokens+100) // fails only when the client has left
}

// stream sends each piece at once, as providers do.
func (a mockAnswer) stream(chunks int, gap time.Duration, usage bool) {
	a.w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(a.w)
	head := fmt.Sprintf(`data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1767225600,"model":"%s","choices":[`, a.model)
	send := func(rest string) bool {
		if _, err := io.WriteString(a.w, head+rest+"}\n\n"); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	piece := func(delta, reason string) bool {
		return send(`{"index":0,"delta":{` + delta + `},"logprobs":null,"finish_reason":` + reason + `}]`)
	}
	if !piece(`"role":"assistant","content":""`, "null") {
		return
	}
	begun := time.Now()
	for i := range chunks {
		if gap > 0 { // by the timetable, so that a late piece delays none
			time.Sleep(time.Until(begun.Add(time.Duration(i+1) * gap)))
		}
		if !piece(`"content":"piece of text "`, "null") {
			return
		}
	}
	if !piece("", `"stop"`) {
		return
	}
	if usage && !send(fmt.Sprintf(`],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`,
		a.promptTokens, chunks, a.promptTokens+chunks)) {
		return
	}
	_, _ = io.WriteString(a.w, "data: [DONE]\n\n") // fails only when the client has left
}
