package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// A stream of Responses tells, too, that the prompt is too long: Codex CLI looks for it in
// response.failed and nowhere else. Whoever breaks off a stream of another dialect tells it there.
func TestPromptTooLong_streams(t *testing.T) {
	t.Parallel()
	const (
		words = `"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","code":"context_length_exceeded"`
		begun = `data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","model":"m","created_at":1,"status":"in_progress","output":[]}}` + "\n\n"
		chunk = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}` + "\n\n"
	)
	for name, tt := range map[string]struct {
		kind, path, upstream string // what the provider answers; with status 400 where it is no stream
		status               int
		want                 string
	}{
		"Responses, told after the begin": {"openai", "/v1/responses",
			begun + `data: {"type":"error","sequence_number":1,"error":{` + words + `}}` + "\n\n", 200, `"error":{"code":"context_length_exceeded"`},
		"Responses, told as failed": {"openai", "/v1/responses",
			begun + `data: {"type":"response.failed","sequence_number":1,"response":{"error":{` + words + `}}}` + "\n\n", 200, `"error":{"code":"context_length_exceeded"`},
		"Responses, refused":          {"openai", "/v1/responses", `{"error":{` + words + `,"of":"theirs"}}`, 400, `"of":"theirs"`},
		"Responses on chats, refused": {"groq", "/v1/responses", `{"error":{` + words + `}}`, 200, `"error":{"code":"context_length_exceeded"`},
		"Responses on chats, told":    {"groq", "/v1/responses", `data: {"error":{` + words + `}}` + "\n\n", 200, `"error":{"code":"context_length_exceeded"`},
		"chats, told":                 {"groq", "/v1/chat/completions", `data: {"error":{` + words + `}}` + "\n\n", 400, `"code":"context_length_exceeded"`},
		"chats, told in the midst":    {"groq", "/v1/chat/completions", chunk + `data: {"error":{` + words + `}}` + "\n\n", 200, `"type":"invalid_request_error","code":"context_length_exceeded"`},
		"Messages on chats, told":     {"groq", "/v1/messages", chunk + `data: {"error":{` + words + `}}` + "\n\n", 200, `"type":"invalid_request_error","message":"The prompt is too long for the model."`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{PrivateNetworks: loopback})
			upstream := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
				if strings.HasPrefix(tt.upstream, "{") {
					out.Header().Set("Content-Type", "application/json")
					out.WriteHeader(http.StatusBadRequest)
				} else {
					out.Header().Set("Content-Type", "text/event-stream")
				}
				_, _ = io.WriteString(out, tt.upstream)
			}))
			defer upstream.Close()
			for _, saved := range [][2]string{
				{"providers", `{"name":"own","type":"` + tt.kind + `","base_url":"` + upstream.URL + `/v1","api_key":"k"}`},
				{"models", `{"id":"far","display_name":"","provider":"own","target":"m","price":{"input":"1","output":"2"}}`},
			} {
				if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/"+saved[0], saved[1]); a.Status != http.StatusNoContent {
					t.Fatalf("%s: %d %s", saved, a.Status, a.Body)
				}
			}
			asked := `{"model":"far","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Hi."}]}`
			if tt.path == "/v1/responses" {
				asked = `{"model":"far","stream":true,"input":"Hi."}`
			}
			a := h.Call(t, h.Home.User.Key, http.MethodPost, tt.path, asked)
			if a.Status != tt.status || !strings.Contains(string(a.Body), tt.want) {
				t.Errorf("got %d %s\nwant %d, and in it %s", a.Status, a.Body, tt.status, tt.want)
			}
		})
	}
}
