package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server"
)

const bodiesConfig = `
log: {calls: false}
credits: {starting: 1000000}
providers:
  - {name: openai, type: openai, base_url: "${PROVIDER}"}
  - {name: anthropic, type: anthropic, base_url: "${PROVIDER}"}
models:
  - {id: of-openai, provider: openai, target: their-openai, price: {input: 1, output: 1}}
  - {id: of-anthropic, provider: anthropic, target: their-anthropic, price: {input: 1, output: 1}}
`

// bodyDialect is how clients of a dialect send a conversation.
type bodyDialect struct {
	path string
	body string // with the model, stream and the turns
	turn string // with its role and text
	// same and other are models whose providers speak this dialect and another.
	same, other string
	// ends is what a whole answer and a stream have at their end.
	whole, ended string
}

// preface is a part before the others: those that stand side by side are read together.
const preface = "Look: "

var bodyDialects = map[string]bodyDialect{
	"chat": {
		"/v1/chat/completions", `{"model":%q,"stream":%t,"stream_options":{"include_usage":true},"max_tokens":9,"messages":[%s]}`,
		`{"role":%q,"content":%s}`, "of-openai", "of-anthropic", `"finish_reason":"stop"`, "data: [DONE]\n\n",
	},
	"messages": {
		"/v1/messages", `{"model":%q,"stream":%t,"max_tokens":9,"messages":[%s]}`,
		`{"role":%q,"content":[{"type":"text","text":"` + preface + `"},{"type":"text","text":%s}]}`, "of-anthropic", "of-openai", `"stop_reason":"end_turn"`, "event: message_stop\n",
	},
	"responses": {
		"/v1/responses", `{"model":%q,"stream":%t,"store":false,"input":[%s]}`,
		`{"role":%q,"content":%s}`, "of-openai", "of-anthropic", `"status":"completed"`, "event: response.completed\n",
	},
}

// conversation has turns whose texts, as they stand in a body, have size bytes together.
func (d bodyDialect) conversation(size int) string {
	const turnMax = 4 << 20
	var turns []string
	for n := 0; size > 0; n++ {
		length := min(size, turnMax)
		role := []string{"user", "assistant"}[n%2]
		turns = append(turns, fmt.Sprintf(d.turn, role, filler(length)))
		size -= length
	}
	if len(turns)%2 == 0 {
		turns = append(turns, fmt.Sprintf(d.turn, "user", `"And?"`))
	}
	return strings.Join(turns, ",")
}

// filler is a text whose JSON has that many bytes, with what a body has to keep.
func filler(length int) string {
	const words = `The \u00e9mus of \"Café\" 👩\u200d💻 ran.\n`
	text := strings.Repeat(words, length/len(words))
	return `"` + text + strings.Repeat("x", max(length-len(text)-2, 0)) + `"`
}

// Large bodies pass whole: as they are to a provider of the client's dialect, and
// with every word of them to another.
func TestLargeBodies(t *testing.T) {
	for name, d := range bodyDialects {
		t.Run(name, func(t *testing.T) {
			h := openHouse(t, bodiesConfig)
			for _, mb := range []int{1, 8, 32} {
				turns := d.conversation(mb << 20)
				for i, model := range []string{d.same, d.other} {
					h.passes(t, d, model, turns, mb<<20, (i+mb)%2 == 0)
				}
				h.passes(t, d, d.same, turns, mb<<20, mb%2 != 0)
			}
			// One body at a time: the program has it, what it was parsed into, what goes
			// out and what a scan needs, and what the collector has not seen yet.
			const most = 640 << 20
			peak := h.server.memoryPeak(t)
			t.Logf("the program took %d MB at most", peak>>20)
			if peak > most {
				t.Errorf("the program took %d MB", peak>>20)
			}
		})
	}
}

// passes wants an answer, and the provider to have got the conversation.
func (h *house) passes(t *testing.T, d bodyDialect, model, turns string, size int, stream bool) {
	t.Helper()
	before := len(h.fake.Requests())
	h.fake.Queue(providertest.Answer{Text: "Read"})
	answer := h.do(http.MethodPost, d.path, fmt.Sprintf(d.body, model, stream, turns))
	end := d.whole
	if stream {
		end = d.ended
	}
	if answer.status != http.StatusOK || !strings.Contains(answer.body, end) || !strings.Contains(answer.body, "Read") {
		t.Fatalf("%d MB to %s, stream %t: got %d %.3000s", size>>20, model, stream, answer.status, answer.body)
	}
	got := h.fake.Requests()[before].Body
	if model == d.same {
		target := strings.Replace(model, "of-", "their-", 1)
		if want := fmt.Sprintf(d.body, target, stream, turns); string(got) != want {
			t.Errorf("%d MB to %s, stream %t: the provider got another body, of %d bytes instead of %d", size>>20, model, stream, len(got), len(want))
		}
		return
	}
	said := strings.Join(texts(t, got), "")
	for i, text := range texts(t, []byte("["+turns+"]")) {
		if !strings.Contains(said, text) {
			t.Errorf("%d MB to %s, stream %t: the provider did not get turn %d", size>>20, model, stream, i)
		}
	}
}

// texts are the long texts of a body.
func texts(t *testing.T, body []byte) (all []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("the provider got no JSON: %v", err)
	}
	const long = 1_000
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) > long {
				all = append(all, v)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(v)
	return all
}

// memoryPeak is the most memory that the program has had.
func (p *process) memoryPeak(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if os.IsNotExist(err) {
		return 0 // not on Linux
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// A body of the bound passes; one with a byte more is refused in the documented
// words, the same for every dialect, with and without a declared length, and the
// refusal is recorded: in the organisation's trail, or when the length alone told
// and nobody had looked who calls, in the instance's.
func TestBodyBound(t *testing.T) {
	h := openHouse(t, bodiesConfig)
	refused := map[sallyport.OrgID]map[string]string{h.account.OrgID: {}, sallyport.InstanceOrg: {}}
	for name, d := range bodyDialects {
		body := fmt.Sprintf(d.body, d.same, false, d.conversation(1<<20))
		body += strings.Repeat(" ", server.BodyMax-len(body))
		if answer := h.do(http.MethodPost, d.path, body); answer.status != http.StatusOK {
			t.Errorf("%s: %d bytes: got %d %.300s", name, len(body), answer.status, answer.body)
		}
		for how, org := range map[string]sallyport.OrgID{"declared": sallyport.InstanceOrg, "chunked": h.account.OrgID} {
			req := h.request(t.Context(), http.MethodPost, d.path, body+" ")
			if how == "chunked" {
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body+" ")), -1
			}
			answer, err := fetch(http.DefaultClient, req)
			const want = `{"message":"Request body too large. Maximum size is 50 MB."}`
			if err != nil || answer.status != http.StatusRequestEntityTooLarge || answer.body != want {
				t.Errorf("%s, %s: got %d %s, %v; want 413 %s", name, how, answer.status, answer.body, err, want)
				continue
			}
			refused[org][answer.header.Get("X-Request-Id")] = name + ", " + how
		}
	}
	db := h.close()
	for org, ids := range refused {
		eachRecord(t, db, org, func(r sallyport.Record) {
			if what, ours := ids[r.RequestID]; ours {
				if r.Code != sallyport.BodyTooLarge || r.Status != http.StatusRequestEntityTooLarge {
					t.Errorf("%s: recorded as %s, %d", what, r.Code, r.Status)
				}
				delete(ids, r.RequestID)
			}
		})
		for _, what := range ids {
			t.Errorf("%s: the refusal is not recorded", what)
		}
	}
}
