package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// An error that a provider tells inside of a success, in the place of an answer, means
// for the next try what its status means elsewhere. Nothing was served, so it is free
// unless usage came with it.
func TestFailureInSuccess(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
	var mu sync.Mutex
	var told string
	var asked []string
	upstream := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		_, target, _ := strings.Cut(string(body), `"model":"`)
		asked = append(asked, target[:1])
		if strings.Contains(string(body), `"stream":true`) {
			out.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(out, "data: "+told+"\n\n")
			return
		}
		_, _ = io.WriteString(out, told)
	}))
	defer upstream.Close()
	saveOwn(t, h, "own", upstream.URL+"/v1")
	// The breakers of targets that have failed are told apart by their names.
	save := func(model, more string) {
		t.Helper()
		body := `{"id":"` + model + `","display_name":"","provider":"own","target":"` + model + `","price":{"input":"1","output":"2"}` + more + `}`
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/models", body); a.Status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	n := 0
	for name, tt := range map[string]struct {
		told, asked string
		charge      sallyport.Credits
		tooLong     bool
	}{
		"no code":            {`{"error":{"message":"odd"}}`, "a b", 0, false},
		"a text":             {`{"error":"odd"}`, "a b", 0, false},
		"OpenRouter's 429":   {`{"error":{"code":429,"message":"slow down"}}`, "a b", 0, false},
		"OpenRouter's 502":   {`{"error":{"code":502,"message":"down"}}`, "a a b", 0, false},
		"OpenRouter's 400":   {`{"error":{"code":400,"message":"odd"}}`, "a", 0, false},
		"a word":             {`{"error":{"type":"overloaded_error","message":"busy"}}`, "a a b", 0, false},
		"vLLM's":             {`{"object":"error","message":"odd","type":"BadRequestError","code":400}`, "a", 0, false},
		"Google's":           {`[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]`, "a a b", 0, false},
		"with no usage":      {`{"error":{"code":429,"message":"odd"},"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`, "a b", 0, false},
		"with usage":         {`{"error":{"code":400,"message":"odd"},"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, "a", 5, false},
		"with usage of each": {`{"error":{"code":429,"message":"odd"},"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, "a b", 10, false},
		"a 502 with usage":   {`{"error":{"code":502,"message":"down"},"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`, "a b", 10, false},
		"a prompt too long":  {`{"error":{"message":"your prompt is too long"}}`, "a", 0, true},
		"and of OpenAI":      {`{"error":{"code":"context_length_exceeded","message":"odd"}}`, "a", 0, true},
	} {
		for _, stream := range []bool{false, true} {
			mu.Lock()
			told, asked = tt.told, nil
			mu.Unlock()
			n++
			model, other := fmt.Sprint("a", n), fmt.Sprint("b", n)
			save(other, `,"retries":0`)
			save(model, `,"retries":1,"fallbacks":["`+other+`"]`)
			mark := h.Mark(t, h.Home.ID)
			a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(stream, "hello", ""), servertest.Model, model, 1))
			mu.Lock()
			got := strings.Join(asked, " ")
			mu.Unlock()
			status := http.StatusBadGateway
			if tt.tooLong {
				status = http.StatusBadRequest
			}
			if a.Status != status || got != tt.asked {
				t.Errorf("%s, stream %t: %d %s after %q, want %q", name, stream, a.Status, a.Body, got, tt.asked)
			}
			records := h.WaitRecords(t, h.Home.ID, mark, 2)
			cost := records[len(records)-1].Cost
			if cost.Estimated || cost.Charge != tt.charge {
				t.Errorf("%s, stream %t: the charge is %+v, want %s", name, stream, cost, tt.charge)
			}
		}
	}
}
