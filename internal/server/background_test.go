package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses/responsestest"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// backgroundTime is how long a test waits for the end of a response.
const backgroundTime = 30 * time.Second

func backgroundBody(model, prompt, more string) string {
	return `{"model":"` + model + `","background":true,"input":` + quoted(prompt) + more + `}`
}

// backgroundResponse is what these tests read of the object.
type backgroundResponse struct {
	ID, Status string
	Background bool
	OutputText string `json:"output_text"`
	Error      *struct{ Code, Message, Reason string }
	Usage      *struct {
		Input  int64 `json:"input_tokens"`
		Output int64 `json:"output_tokens"`
	}
}

func readBackground(t *testing.T, a servertest.Answer) (r backgroundResponse) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &r); a.Status != http.StatusOK || err != nil || !r.Background {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	return r
}

// begin asks for a response in the background, which is in progress then.
func begin(t *testing.T, h *servertest.House, body string) backgroundResponse {
	t.Helper()
	r := readBackground(t, h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", body))
	if r.Status != "in_progress" || r.ID == "" {
		t.Fatalf("it began as %+v", r)
	}
	return r
}

// poll reads a response until it has ended.
func poll(t *testing.T, h *servertest.House, id string) backgroundResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), backgroundTime)
	defer cancel()
	for ctx.Err() == nil {
		r := readBackground(t, h.Send(t, h.Request(ctx, t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+id, "")))
		if r.Status != "in_progress" {
			return r
		}
		time.Sleep(10 * time.Millisecond) // as a client polls
	}
	t.Fatal("the response did not end")
	return backgroundResponse{}
}

func cancelResponse(t *testing.T, h *servertest.House, id string) backgroundResponse {
	t.Helper()
	return readBackground(t, h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses/"+id+"/cancel", ""))
}

func TestBackground(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		t.Run(dialect, func(t *testing.T) {
			step := make(chan struct{})
			h.Fake.Queue(providertest.Answer{Text: "Here it is.", Step: step})
			mark, asked := h.Mark(t, h.Home.ID), len(h.Fake.Requests())
			before, _ := h.Balance(t, h.Home.ID)
			r := begin(t, h, backgroundBody(model, "make it", `,"metadata":{"case":"7"}`))
			sent := h.Fake.Wait(t, asked+1)
			if strings.Contains(string(sent.Body), "background") {
				t.Errorf("the provider was asked %s", sent.Body)
			}
			follows := `{"model":"` + model + `","input":"and then?","previous_response_id":"` + r.ID + `"}`
			if a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", follows); a.Status != 400 || !strings.Contains(a.Body, "in progress") {
				t.Errorf("followed while it is in progress: %d %s", a.Status, a.Body)
			}
			if items := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+r.ID+"/input_items", ""); !strings.Contains(items.Body, "make it") {
				t.Errorf("its input is %s", items.Body)
			}
			for _, key := range []string{h.Home.Admin.Key, h.Other.User.Key} {
				if a := h.Call(t, key, http.MethodPost, "/v1/responses/"+r.ID+"/cancel", ""); a.Status != 404 {
					t.Errorf("somebody else cancels: %d %s", a.Status, a.Body)
				}
			}
			close(step)
			end := poll(t, h, r.ID)
			if end.ID != r.ID || end.Status != "completed" || end.OutputText != "Here it is." {
				t.Errorf("it ended as %+v", end)
			}
			if again := cancelResponse(t, h, r.ID); again.Status != "completed" {
				t.Errorf("cancelled after its end it is %+v", again)
			}
			var ours []sallyport.Record
			for _, rec := range h.Records(t, h.Home.ID, mark) {
				if rec.Action == "responses.create" && rec.Phase != sallyport.PhaseRefusal {
					ours = append(ours, rec)
				}
			}
			wantPair(t, ours, sallyport.OutcomeSuccess, "")
			if after, held := h.Balance(t, h.Home.ID); held != 0 || before-after != ours[1].Cost.Charge || ours[1].Cost.Charge <= 0 {
				t.Errorf("the balance went from %s to %s, %s held; the charge is %s", before, after, held, ours[1].Cost.Charge)
			}
			h.Fake.Queue(providertest.Answer{Text: "Then this."})
			if a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", follows); a.Status != 200 {
				t.Errorf("followed after its end: %d %s", a.Status, a.Body)
			}
		})
	}
}

func TestBackgroundCancel(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for name, end := range map[string]func(t *testing.T, id string){
		"here": func(t *testing.T, id string) {
			if r := cancelResponse(t, h, id); r.Status != "cancelled" {
				t.Errorf("cancelled it is %+v", r)
			}
		},
		"by another node": func(t *testing.T, id string) {
			row, err := h.DB.Response(t.Context(), h.Home.ID, h.Home.User.ID, sallyport.ResponseID(id), time.Time{})
			if err == nil {
				err = h.DB.FinishResponse(t.Context(), row)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, id string) {
			if a := h.Call(t, h.Home.User.Key, http.MethodDelete, "/v1/responses/"+id, ""); a.Status != http.StatusOK {
				t.Errorf("got %d %s", a.Status, a.Body)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := len(h.Fake.Requests())
			h.Fake.Queue(providertest.Answer{Text: "never", Step: make(chan struct{})})
			r := begin(t, h, backgroundBody(servertest.Model, "make it", ""))
			sent := h.Fake.Wait(t, asked+1)
			end(t, r.ID)
			sent.WaitGone(t)
			if name == "here" {
				if again := cancelResponse(t, h, r.ID); again.Status != "cancelled" {
					t.Errorf("cancelled twice it is %+v", again)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), backgroundTime)
			defer cancel()
			if err := h.Server.Idle(ctx); err != nil {
				t.Error(err)
			}
			if _, held := h.Balance(t, h.Home.ID); held != 0 {
				t.Errorf("%s are held", held)
			}
		})
	}
}

func TestBackgroundRefusals(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	conversation := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/conversations", "{}")
	var c struct{ ID string }
	if err := json.Unmarshal([]byte(conversation.Body), &c); err != nil || c.ID == "" {
		t.Fatalf("got %s", conversation.Body)
	}
	for _, tt := range []struct{ path, more, code string }{
		{"", `,"store":false`, "invalid_body"},
		{"", `,"conversation":"` + c.ID + `"`, "unsupported_parameter"},
		{"/input_tokens", "", "unsupported_parameter"},
	} {
		a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses"+tt.path, backgroundBody(servertest.Model, "x", tt.more))
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"`+tt.code+`"`) {
			t.Errorf("%s%s: got %d %s", tt.path, tt.more, a.Status, a.Body)
		}
	}
	if len(h.Fake.Requests()) != 0 {
		t.Error("the provider was asked")
	}
}

// What the road refuses before a provider is asked is told at once, and is no response.
func TestBackgroundRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setPolicy(t, h, blockSecrets)
	mark := h.Mark(t, h.Home.ID)
	a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(servertest.Model, "my key is "+awsKey, ""))
	if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"dlp_blocked"`) || strings.Contains(a.Body, awsKey) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.DLPBlocked, 400)
	if len(h.Fake.Requests()) != 0 {
		t.Error("the provider was asked")
	}
}

// A response that failed tells the same as its stream: a code that OpenAI's
// description has, ours beside it, and what was used where the provider told it.
func TestBackgroundFails(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setPolicy(t, h, func(p *dlp.Policy) { p.Out = map[string]dlp.Action{"secret": dlp.Block} })
	for name, tt := range map[string]struct {
		answer             providertest.Answer
		code, reason, says string
		used               bool // where it does not stream: there the provider tells it after what is blocked
	}{
		"the answer is blocked":    {providertest.Answer{Text: "It is " + awsKey}, "invalid_prompt", "dlp_blocked", "", true},
		"the provider refuses":     {providertest.Answer{Status: 400, Body: `{"error":{"message":"Too odd."}}`}, "server_error", "upstream_error", "Too odd.", false},
		"before anything came":     {providertest.Answer{Status: 200, Fault: providertest.Close}, "server_error", "upstream_closed", "", false},
		"the connection is closed": {providertest.Answer{Text: "x", Fault: providertest.Close}, "server_error", "upstream_closed", "", false},
	} {
		for _, more := range []string{"", `,"stream":true`} {
			h.Fake.Queue(tt.answer)
			a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(servertest.Model, "make it", more))
			_, after, _ := strings.Cut(a.Body, `"id":"`)
			id, _, _ := strings.Cut(after, `"`)
			r := poll(t, h, id)
			if r.Status != "failed" || r.Error == nil || r.Error.Code != tt.code || r.Error.Reason != tt.reason || !strings.Contains(r.Error.Message, tt.says) || strings.Contains(r.Error.Message, awsKey) {
				t.Errorf("%s%s: it ended as %+v, %+v", name, more, r, r.Error)
			}
			if used := tt.used && more == ""; (r.Usage != nil) != used || used && (r.Usage.Input != 10 || r.Usage.Output != 5) {
				t.Errorf("%s%s: it tells the usage %+v", name, more, r.Usage)
			}
			if more == "" {
				continue
			}
			got, err := responsestest.Read(a.Body)
			if told := got.Response.Error; err != nil || got.Error != tt.reason || told == nil || *told != *r.Error {
				t.Errorf("%s: %v, its stream tells %s and %+v, it itself %+v", name, err, got.Error, told, r.Error)
			}
		}
	}
}

// Who leaves a stream stops nothing, and may come again for the rest of it.
func TestBackgroundStream(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		t.Run(dialect, func(t *testing.T) {
			step := make(chan struct{})
			h.Fake.Queue(providertest.Answer{Pieces: []string{"One ", "two ", "three."}, Step: step})
			leaving, leave := context.WithCancel(t.Context())
			defer leave()
			answer, err := http.DefaultClient.Do(h.Request(leaving, t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(model, "count", `,"stream":true`)))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			step <- struct{}{}
			lines := bufio.NewReader(answer.Body)
			var seen, id string
			for !strings.Contains(seen, `"One `) {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatalf("%v after %s", err, seen)
				}
				seen += line
			}
			_, after, _ := strings.Cut(seen, `"id":"`)
			id, _, _ = strings.Cut(after, `"`)
			leave()
			again := make(chan servertest.Answer)
			go func() {
				again <- h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+id+"?stream=true&starting_after=0", "")
			}()
			// The first answer has begun; that the second has shows in its record.
			h.WaitRecords(t, h.Home.ID, h.Mark(t, h.Home.ID)-1, 1)
			close(step)
			if r := poll(t, h, id); r.Status != "completed" || r.OutputText != "One two three." {
				t.Errorf("it ended as %+v", r)
			}
			rest := <-again
			switch {
			case rest.Status == http.StatusBadRequest: // it came after the end
			case !strings.Contains(rest.Body, `"response.completed"`) || strings.Contains(rest.Body, `"response.created"`) || !strings.Contains(rest.Body, `three.`):
				t.Errorf("the rest is %d %s", rest.Status, rest.Body)
			}
			late := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/responses/"+id+"?stream=true", "")
			if late.Status != http.StatusBadRequest || !strings.Contains(late.Body, "unsupported_parameter") {
				t.Errorf("after its end: %d %s", late.Status, late.Body)
			}
		})
	}
	for dialect, model := range responsesModels {
		// Who waits for a model that thinks for minutes must know what to come back to, or to cancel.
		t.Run("of a silent provider of "+dialect, func(t *testing.T) {
			asked := len(h.Fake.Requests())
			h.Fake.Queue(providertest.Answer{Fault: providertest.Hang})
			patience, cancel := context.WithTimeout(t.Context(), backgroundTime)
			defer cancel()
			answer, err := http.DefaultClient.Do(h.Request(patience, t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(model, "think", `,"stream":true`)))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			lines := bufio.NewReader(answer.Body)
			var seen string
			for !strings.HasSuffix(seen, "}\n\n") || !strings.Contains(seen, "event: response.in_progress") {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatalf("%v after %s", err, seen)
				}
				seen += line
			}
			_, after, _ := strings.Cut(seen, `"id":"`)
			id, _, _ := strings.Cut(after, `"`)
			h.Fake.Wait(t, asked+1)
			cancelResponse(t, h, id)
			rest, err := io.ReadAll(lines)
			if err != nil || !strings.HasPrefix(string(rest), "event: response.failed") || !strings.Contains(string(rest), `"status":"cancelled"`) {
				t.Errorf("%v: it ended as %s", err, rest)
			}
		})
		t.Run("to its end on "+dialect, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Text: "All of it."})
			ask := func() servertest.Answer {
				request := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(model, "count", `,"stream":true`))
				request.Header.Set("Idempotency-Key", "stream-"+dialect)
				return h.Send(t, request)
			}
			a := ask()
			got, err := responsestest.Read(a.Body)
			if err != nil || got.Text != "All of it." || got.Response.Status != "completed" || strings.Count(a.Body, "event: response.created\n") != 1 {
				t.Errorf("%v, %+v in %s", err, got, a.Body)
			}
			poll(t, h, got.Response.ID)
			if again := ask(); again.Body != a.Body {
				t.Errorf("a repeat got %s, not %s", again.Body, a.Body)
			}
		})
	}
}

// A repeat with an Idempotency-Key gets the response that was made, and none is made anew.
func TestBackgroundOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Fake.Queue(providertest.Answer{Text: "Once."})
	ask := func() servertest.Answer {
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(servertest.Model, "make it", ""))
		r.Header.Set("Idempotency-Key", "one")
		return h.Send(t, r)
	}
	first := readBackground(t, ask())
	poll(t, h, first.ID)
	if err := h.Server.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := ask()
	if r := readBackground(t, again); r.ID != first.ID || r.Status != "completed" || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat is %+v", r)
	}
	if len(h.Fake.Requests()) != 1 {
		t.Errorf("the provider was asked %d times", len(h.Fake.Requests()))
	}
}

// A server that stops lets no response begin in the background, and ends those that
// outlast the drain.
func TestBackgroundStop(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Fake.Queue(providertest.Answer{Text: "never", Step: make(chan struct{})})
	r := begin(t, h, backgroundBody(servertest.Model, "make it", ""))
	h.Fake.Wait(t, 1)
	h.Server.Drain()
	a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", backgroundBody(servertest.Model, "more", ""))
	if a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, "server_stopping") {
		t.Errorf("while it stops: %d %s", a.Status, a.Body)
	}
	h.Server.Cut()
	if err := h.Server.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	row, err := h.DB.Response(t.Context(), h.Home.ID, h.Home.User.ID, sallyport.ResponseID(r.ID), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.DB.FinishResponse(t.Context(), row); sallyport.CodeOf(err) != sallyport.Conflict {
		t.Errorf("the response has not ended: %v", err)
	}
	if _, held := h.Balance(t, h.Home.ID); held != 0 {
		t.Errorf("%s are held", held)
	}
}

// One organisation does not take all places.
func TestBackgroundBound(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	ask := func(key string) servertest.Answer {
		h.Fake.Queue(providertest.Answer{Text: "never", Step: make(chan struct{})})
		return h.Call(t, key, http.MethodPost, "/v1/responses", backgroundBody(servertest.Model, "make it", ""))
	}
	var last string
	var sent *providertest.Request
	for n := range server.BackgroundOfOrgMax {
		last = readBackground(t, ask(h.Home.User.Key)).ID
		sent = h.Fake.Wait(t, n+1) // they go out by themselves, in any order
	}
	a := ask(h.Home.Admin.Key)
	if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("past the bound: %d %v %s", a.Status, a.Header, a.Body)
	}
	readBackground(t, ask(h.Other.User.Key))
	cancelResponse(t, h, last)
	sent.WaitGone(t)
	ctx, cancel := context.WithTimeout(t.Context(), backgroundTime)
	defer cancel()
	for a = ask(h.Home.User.Key); a.Status != http.StatusOK && ctx.Err() == nil; a = ask(h.Home.User.Key) {
		time.Sleep(10 * time.Millisecond) // as a client tries again
	}
	readBackground(t, a)
}
