package server

import (
	"net/http"
)

// Handler returns every route of the product.
func (s *Server) Handler() http.Handler { return s.outermost(s.routes()) }

// routes lists every route. Who may call: /v1 and /api/v1 the holder of an API
// key; the rest anyone, and it tells nothing about anyone.
func (s *Server) routes() *table {
	mux := &table{ServeMux: http.NewServeMux()}

	// The road to models. The gateway records these itself.
	mux.Handle("POST /v1/chat/completions", s.infer(chatDialect, "chat.completions"))
	mux.Handle("POST /v1/completions", s.infer(completionsDialect, "completions"))
	mux.Handle("POST /v1/embeddings", s.infer(embeddingsDialect, "embeddings"))
	mux.Handle("POST /v1/audio/transcriptions", s.infer(transcriptionsDialect, "audio.transcriptions"))
	mux.Handle("POST /v1/messages", s.infer(messagesDialect, "messages"))
	mux.Handle("POST /v1/messages/count_tokens", s.infer(countDialect, "messages.count_tokens"))
	mux.Handle("POST /v1/responses", s.infer(responsesDialect, "responses.create"))
	mux.Handle("POST /v1/responses/input_tokens", s.infer(inputTokensDialect, "responses.input_tokens"))

	mux.Handle("GET /v1/responses/{response}", s.readAs(responsesSurface, "responses.get", s.getResponse))
	mux.Handle("GET /v1/responses/{response}/input_items", s.readAs(responsesSurface, "responses.get", s.listInputItems))
	mux.Handle("DELETE /v1/responses/{response}", s.api(responsesSurface, "responses.delete", s.deleteResponse))
	mux.Handle("POST /v1/responses/{response}/cancel", s.api(responsesSurface, "responses.cancel", s.cancelResponse))

	// Conversations of OpenAI's API.
	mux.Handle("POST /v1/conversations", s.api(threadsSurface, "threads.create", s.createThread))
	mux.Handle("GET /v1/conversations/{conversation}", s.readAs(threadsSurface, "threads.get", s.getThread))
	mux.Handle("POST /v1/conversations/{conversation}", s.api(threadsSurface, "threads.update", s.updateThread))
	mux.Handle("DELETE /v1/conversations/{conversation}", s.api(threadsSurface, "threads.delete", s.deleteThread))
	mux.Handle("GET /v1/conversations/{conversation}/items", s.readAs(threadsSurface, "threads.items", s.listThreadItems))
	mux.Handle("POST /v1/conversations/{conversation}/items", s.api(threadsSurface, "threads.add", s.addThreadItems))
	mux.Handle("GET /v1/conversations/{conversation}/items/{item}", s.readAs(threadsSurface, "threads.items", s.getThreadItem))
	mux.Handle("DELETE /v1/conversations/{conversation}/items/{item}", s.api(threadsSurface, "threads.remove", s.deleteThreadItem))

	// Files, of OpenAI's API and of Anthropic's.
	mux.Handle("POST /v1/files", shared(filesSurface, func(sur surface) http.Handler { return s.api(sur, "files.create", s.createFile) }))
	mux.Handle("GET /v1/files", shared(filesSurface, func(sur surface) http.Handler { return s.readAs(sur, "files.list", s.listFiles) }))
	mux.Handle("GET /v1/files/{file}", shared(filesSurface, func(sur surface) http.Handler { return s.readAs(sur, "files.get", s.getFile) }))
	mux.Handle("GET /v1/files/{file}/content", shared(filesSurface, func(sur surface) http.Handler { return s.api(sur, "files.content", s.getFileContent) }))
	mux.Handle("DELETE /v1/files/{file}", shared(filesSurface, func(sur surface) http.Handler { return s.api(sur, "files.delete", s.deleteFile) }))

	// Agents: changing calls are recorded with the change, in one transaction.
	mux.Handle("POST /v1/agents/runs", s.api(flatSurface, "runs.start", s.startRun))
	mux.Handle("POST /v1/agents/{agent}/run", s.api(flatSurface, "runs.start", s.startRunWithText))

	// Reads. read records each before it is answered.
	mux.Handle("GET /v1/models", shared(flatSurface, func(sur surface) http.Handler { return s.readAs(sur, "models.list", s.listModels) }))
	mux.Handle("GET /v1/models/{model...}", shared(flatSurface, func(sur surface) http.Handler { return s.readAs(sur, "models.get", s.getModel) }))
	mux.Handle("GET /v1/agents/list", s.read("agents.list", s.listAgents))
	mux.Handle("GET /v1/agents", s.read("agents.list", s.listAgents))
	mux.Handle("GET /v1/agents/{agent}", s.read("agents.get", s.getAgent))
	mux.Handle("GET /v1/runs/{run}", s.read("runs.get", s.getRun))
	mux.Handle("GET /v1/agents/{agent}/runs/{run}", s.read("runs.get", s.getRun))

	// Our own control plane, described at /openapi.json.
	s.control(mux)

	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)

	// The Terminal, and whatever is nothing at all.
	mux.HandleFunc("/", s.pages)
	return mux
}

// table is a mux that remembers its patterns, so that a test can walk them all.
type table struct {
	*http.ServeMux
	patterns []string
}

// Handle adds a route.
func (t *table) Handle(pattern string, h http.Handler) {
	t.patterns = append(t.patterns, pattern)
	t.ServeMux.Handle(pattern, h)
}

// HandleFunc adds a route.
func (t *table) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	t.Handle(pattern, http.HandlerFunc(h))
}
