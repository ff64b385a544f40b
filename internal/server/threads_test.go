package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

const threadsPath = "/v1/conversations"

// newThread makes a conversation of the user of Home.
func newThread(t *testing.T, h *servertest.House, body string) string {
	t.Helper()
	a := h.Call(t, h.Home.User.Key, http.MethodPost, threadsPath, body)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(a.Body), &made); a.Status != 200 || err != nil || !strings.HasPrefix(made.ID, "conv_") {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	return made.ID
}

type threadPage struct {
	Data []struct {
		ID, Type, Status, Role string
		CallID                 string `json:"call_id"`
		Content                []struct{ Type, Text string }
	}
	HasMore bool `json:"has_more"`
}

// texts is what a page says, item by item.
func (p threadPage) texts() string {
	var said []string
	for _, item := range p.Data {
		text := item.Type
		if len(item.Content) > 0 {
			text = item.Content[0].Text
		}
		said = append(said, text)
	}
	return strings.Join(said, "|")
}

func threadItems(t *testing.T, h *servertest.House, id, query string) threadPage {
	t.Helper()
	a := h.Call(t, h.Home.User.Key, http.MethodGet, threadsPath+"/"+id+"/items"+query, "")
	var page threadPage
	if err := json.Unmarshal([]byte(a.Body), &page); a.Status != 200 || err != nil {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	return page
}

// A response joins its conversation, whatever the provider speaks, and reads all of it.
func TestThreadsOfResponses(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	for dialect, model := range responsesModels {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", dialect, stream), func(t *testing.T) {
				id := newThread(t, h, `{"items":[{"role":"user","content":"I am `+email+`"}]}`)
				h.Fake.Queue(providertest.Answer{Text: "Hello, " + token(t, h) + "."})
				// store says whether the response is stored, and nothing of its conversation.
				first := respond(t, h, responsesBody(model, stream, "Who?", `,"conversation":"`+id+`"`))
				if first.Text != "Hello, "+email+"." || first.Response.Store {
					t.Errorf("got %+v", first.Response)
				}
				h.Fake.Queue(providertest.Answer{Tools: []providertest.ToolCall{{ID: "call_1", Name: "f", Arguments: "{}"}}})
				a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", strings.Replace(responsesBody(model, stream, "And now?", `,"conversation":{"id":"`+id+`"}`), `"store":false,`, "", 1))
				if a.Status != 200 || !strings.Contains(a.Body, `"conversation":{"id":"`+id+`"}`) {
					t.Errorf("got %d %s", a.Status, a.Body)
				}
				sent := string(lastRequest(h).Body)
				for _, want := range []string{"I am ⟦", "Who?", "Hello, ⟦", "And now?"} {
					if strings.Count(sent, want) != 1 || strings.Contains(sent, email) || strings.Contains(sent, id) {
						t.Errorf("the provider was sent %s, want once %s and no address", sent, want)
					}
				}
				all := threadItems(t, h, id, "?order=asc")
				if all.texts() != "I am "+email+"|Who?|Hello, "+email+".|And now?|function_call" || all.Data[4].CallID != "call_1" || all.HasMore {
					t.Errorf("the items are %s", all.texts())
				}
				ids := map[string]bool{}
				for _, item := range all.Data {
					ids[item.ID] = item.ID != "" && item.Status == "completed"
				}
				if len(ids) != 5 || ids[""] {
					t.Errorf("the ids are %v", ids)
				}

				// What fails adds nothing.
				for _, answer := range []providertest.Answer{{Status: 500, Body: "{}"}, {Text: "one two three", Fault: providertest.Cut, After: 2}} {
					h.Fake.Queue(answer)
					h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/responses", responsesBody(model, stream, "Fail.", `,"conversation":"`+id+`"`))
				}
				for _, item := range threadItems(t, h, id, "").Data {
					if len(item.Content) > 0 && item.Content[0].Text == "Fail." {
						t.Error("what failed was added")
					}
				}
			})
		}
	}
	id := newThread(t, h, "")
	for _, tt := range []struct {
		key, more, code string
		status          int
	}{
		{h.Home.User.Key, `"conversation":"` + id + `","previous_response_id":"resp_1"`, "mutually_exclusive_parameters", 400},
		{h.Home.User.Key, `"conversation":7`, "invalid_body", 400},
		{h.Home.User.Key, `"conversation":{}`, "invalid_body", 400},
		{h.Home.User.Key, `"conversation":"conv_none"`, "not_found", 404},
		{h.Home.Admin.Key, `"conversation":"` + id + `"`, "forbidden", 403},
		{h.Other.User.Key, `"conversation":"` + id + `"`, "not_found", 404},
	} {
		for _, path := range []string{"", "/input_tokens"} {
			asked := len(h.Fake.Requests())
			a := h.Call(t, tt.key, http.MethodPost, "/v1/responses"+path, `{"model":"`+servertest.Model+`","input":"x",`+tt.more+`}`)
			if a.Status != tt.status || !strings.Contains(a.Body, `"code":"`+tt.code+`"`) || len(h.Fake.Requests()) != asked {
				t.Errorf("%s: got %d %s", tt.more, a.Status, a.Body)
			}
		}
	}
}

// What a conversation said before a response is part of what that was asked: it is
// listed with it, and goes on with who follows it.
func TestThreadsAreInput(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	mine, model := h.Home.User.Key, responsesModels["chat"]
	id := newThread(t, h, `{"items":[{"id":"msg_one","role":"user","content":"one"},{"id":"msg_two","role":"assistant","content":"two"}]}`)
	ask := func(prompt, more string) string {
		h.Fake.Queue(providertest.Answer{Text: "So be " + prompt})
		return respond(t, h, `{"model":"`+model+`","input":[{"role":"user","content":"`+prompt+`"}],`+more+`}`).Response.ID
	}
	first := ask("three", `"conversation":"`+id+`"`)
	second := ask("four", `"conversation":"`+id+`"`)
	after := ask("five", `"previous_response_id":"`+second+`"`)
	list := func(key, response, query string, status int) (page threadPage) {
		t.Helper()
		a := h.Call(t, key, http.MethodGet, "/v1/responses/"+response+"/input_items"+query, "")
		if err := json.Unmarshal([]byte(a.Body), &page); a.Status != status || err != nil {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		return page
	}
	all := list(mine, first, "?order=asc", 200)
	if all.texts() != "one|two|three" || all.Data[0].ID != "msg_one" {
		t.Errorf("the first was asked %s (%+v)", all.texts(), all.Data)
	}
	if again := list(mine, first, "?order=asc", 200); again.Data[2].ID != all.Data[2].ID {
		t.Errorf("the ids are %+v, then %+v", all.Data, again.Data)
	}
	if page := list(mine, second, "", 200); page.texts() != "four|So be three|three|two|one" {
		t.Errorf("the second was asked %s", page.texts())
	}
	if page := list(mine, second, "?limit=2&after=msg_two", 200); page.texts() != "one" || page.HasMore {
		t.Errorf("the last page is %s", page.texts())
	}
	if page := list(mine, second, "?limit=2", 200); page.texts() != "four|So be three" || !page.HasMore {
		t.Errorf("the first page is %s", page.texts())
	}
	if page := list(mine, after, "?order=asc", 200); page.texts() != "one|two|three|So be three|four|So be four|five" {
		t.Errorf("the one that follows was asked %s", page.texts())
	}
	if sent := string(lastRequest(h).Body); !strings.Contains(sent, `"one"`) || !strings.Contains(sent, "So be three") {
		t.Errorf("the one that follows was sent %s", sent)
	}
	list(h.Home.Admin.Key, first, "", 404)

	// What was erased is listed no more.
	h.Call(t, mine, http.MethodDelete, threadsPath+"/"+id+"/items/msg_two", "")
	if page := list(mine, first, "", 200); page.texts() != "three|one" {
		t.Errorf("without one of them: %s", page.texts())
	}
	h.Call(t, mine, http.MethodDelete, threadsPath+"/"+id, "")
	if page := list(mine, first, "", 200); page.texts() != "three" {
		t.Errorf("without the conversation: %s", page.texts())
	}
	a := h.Call(t, mine, http.MethodPost, "/v1/responses", `{"model":"`+model+`","input":"x","previous_response_id":"`+second+`"}`)
	if a.Status != 404 || !strings.Contains(a.Body, "previous_response_not_found") {
		t.Errorf("it follows half of what was said: %d %s", a.Status, a.Body)
	}
}

// An item of the conversation can be named: the model is told it once, in its place.
func TestThreadsItemsAreNamed(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{ChatOnly: true})
	mine, model := h.Home.User.Key, responsesModels["chat"]
	begun := `{"items":[{"id":"msg_one","role":"user","content":"one"},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"two"}]}`
	id := newThread(t, h, begun)
	ask := func(key, thread, input string) (int, string) {
		a := h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+model+`","conversation":"`+thread+`","input":`+input+`}`)
		return a.Status, a.Body
	}
	named := func(id string) string { return `{"type":"item_reference","id":"` + id + `"}` }
	h.Fake.Queue(providertest.Answer{Text: "So be three"})
	if status, body := ask(mine, id, `[`+named("msg_one")+`,{"role":"user","content":"three"},`+named("fc_1")+`]`); status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	if sent := string(lastRequest(h).Body); strings.Count(sent, `"one"`) != 1 || strings.Count(sent, `"three"`) != 1 || strings.Contains(sent, "item_reference") {
		t.Errorf("the provider was sent %s", sent)
	}
	all := threadItems(t, h, id, "?order=asc")
	if all.texts() != "one|function_call|function_call_output|three|So be three" {
		t.Errorf("the conversation says %s", all.texts())
	}

	// What was said in it is no exception, though it is that of a stored response, too;
	// and what is left of the input may be nothing.
	for _, input := range []string{`[` + named(all.Data[4].ID) + `]`, `[]`} {
		h.Fake.Queue(providertest.Answer{Text: "And so on"})
		if status, body := ask(mine, id, input); status != 200 {
			t.Fatalf("%s: got %d %s", input, status, body)
		}
		if sent := string(lastRequest(h).Body); strings.Count(sent, "So be three") != 1 {
			t.Errorf("%s: the provider was sent %s", input, sent)
		}
	}

	asked := len(h.Fake.Requests())
	other := newThread(t, h, "")
	for _, tt := range []struct {
		key, thread, input string
		status             int
	}{
		{mine, other, `[` + named("msg_one") + `]`, 400}, // of another conversation
		{mine, id, `[` + named("call_1") + `]`, 400},     // of a call, and no item
		{mine, other, `[]`, 400},                         // nothing at all
		{h.Home.Admin.Key, id, `[` + named("msg_one") + `]`, 403},
		{h.Other.User.Key, id, `[` + named("msg_one") + `]`, 404},
	} {
		if status, body := ask(tt.key, tt.thread, tt.input); status != tt.status || len(h.Fake.Requests()) != asked {
			t.Errorf("%s: got %d %s, want %d", tt.input, status, body, tt.status)
		}
	}
}

// Conversations are made, read, changed and deleted by hand.
func TestThreads(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	id := newThread(t, h, `{"metadata":{"topic":"`+email+`"},"items":[{"role":"user","content":"one"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"two"}]},`+
		`{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"three"},{"role":"user","content":"four"}]}`)
	records := h.Records(t, h.Home.ID, mark)
	if len(records) != 1 || records[0].Action != "threads.create" || records[0].Resource != "thread/"+id || strings.Contains(fmt.Sprint(records), email) {
		t.Errorf("the records are %+v", records)
	}
	call := func(key, method, path, body string, status int, want string) string {
		t.Helper()
		a := h.Call(t, key, method, threadsPath+path, body)
		if a.Status != status || !strings.Contains(a.Body, want) {
			t.Errorf("%s %s: got %d %s, want %d %s", method, path, a.Status, a.Body, status, want)
		}
		return a.Body
	}
	mine := h.Home.User.Key
	call(mine, "GET", "/"+id, "", 200, `"object":"conversation","created_at":`)
	call(mine, "GET", "/"+id, "", 200, `"metadata":{"topic":"`+email+`"}`)
	call(mine, "POST", "/"+id, `{"metadata":{"a":"b"}}`, 200, `"metadata":{"a":"b"}`)
	call(mine, "GET", "/"+id, "", 200, `"metadata":{"a":"b"}`)

	// A page is so many messages: what an assistant says, calls and is answered is one.
	page := threadItems(t, h, id, "?limit=2")
	if page.texts() != "four|function_call_output|function_call|two" || !page.HasMore {
		t.Errorf("the newest are %s, more: %v", page.texts(), page.HasMore)
	}
	if page = threadItems(t, h, id, "?limit=2&after="+page.Data[3].ID); page.texts() != "one" || page.HasMore {
		t.Errorf("then %s", page.texts())
	}
	if page = threadItems(t, h, id, "?limit=1&order=asc&after=call_1"); page.texts() != "four" || page.HasMore {
		t.Errorf("after the call's answer comes %s", page.texts())
	}
	all := threadItems(t, h, id, "?order=asc")
	call(mine, "GET", "/"+id+"/items?order=asc&limit=1", "", 200, `"first_id":"`+all.Data[0].ID+`","last_id":"`+all.Data[0].ID+`","has_more":true`)
	call(mine, "GET", "/"+id+"/items?after=none", "", 400, `"code":"invalid_cursor"`)
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "order=up"} {
		call(mine, "GET", "/"+id+"/items?"+query, "", 400, `"code":"invalid_body"`)
	}
	call(mine, "GET", "/"+id+"/items/"+all.Data[0].ID, "", 200, `"text":"one"`)
	call(mine, "GET", "/"+id+"/items/call_1", "", 200, `"output":"three"`)
	call(mine, "GET", "/"+id+"/items/none", "", 404, `"type":"not_found_error"`)

	// An id that the conversation has already is not given twice.
	added := call(mine, "POST", "/"+id+"/items", `{"items":[{"id":"`+all.Data[0].ID+`","role":"user","content":"five"},{"id":"msg_own","role":"user","content":"six"}]}`, 200, `"last_id":"msg_own"`)
	if strings.Contains(added, `"`+all.Data[0].ID+`"`) {
		t.Errorf("added %s", added)
	}
	call(mine, "DELETE", "/"+id+"/items/msg_own", "", 200, `"id":"`+id+`","object":"conversation"`)
	call(mine, "DELETE", "/"+id+"/items/msg_own", "", 404, `"code":"not_found"`)
	if page = threadItems(t, h, id, "?limit=1"); page.texts() != "five" {
		t.Errorf("the newest is %s", page.texts())
	}

	many := strings.Repeat(`{"role":"user","content":"x"},`, sallyport.ThreadAdded) + `{"role":"user","content":"x"}`
	for _, body := range []string{
		`[]`, `{`, `{"items":7}`, `{"items":[7]}`, `{"items":[{"type":"item_reference","id":"msg_1"}]}`, `{"items":[{"role":"nobody","content":"x"}]}`, `{"items":[` + many + `]}`,
	} {
		call(mine, "POST", "", body, 400, `"code":"invalid_body"`)
		call(mine, "POST", "/"+id+"/items", body, 400, `"code":"invalid_body"`)
	}
	for _, body := range []string{`{"metadata":{"a":1}}`, `{"metadata":{"a":"` + strings.Repeat("x", 513) + `"}}`, `{"metadata":"x"}`} {
		call(mine, "POST", "", body, 400, `"code":"invalid_body"`)
		call(mine, "POST", "/"+id, body, 400, `"code":"invalid_body"`)
	}
	call(mine, "POST", "/"+id, `{}`, 400, `"code":"invalid_body"`)

	for _, path := range []string{"/" + id, "/" + id + "/items", "/" + id + "/items/" + all.Data[0].ID} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			if method == "POST" && strings.Contains(path, "/items/") || method == "DELETE" && strings.HasSuffix(path, "/items") {
				continue
			}
			body := `{"items":[],"metadata":{}}`
			call(h.Home.Admin.Key, method, path, body, 403, `"type":"permission_error","code":"forbidden"`)
			call(h.Other.Admin.Key, method, path, body, 404, `"type":"not_found_error","code":"not_found"`)
		}
	}
	empty := newThread(t, h, "{}")
	call(mine, "GET", "/"+empty+"/items", "", 200, `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}`)
	call(mine, "DELETE", "/"+empty, "", 200, `{"id":"`+empty+`","object":"conversation.deleted","deleted":true}`)
	call(mine, "GET", "/"+empty, "", 404, `"code":"not_found"`)

	// A full one is refused before anybody is paid.
	batch := `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"role":"user","content":"`+strings.Repeat("x", 100_000)+`"},`, sallyport.ThreadAdded), ",") + `]}`
	full := newThread(t, h, batch)
	for status := 200; status == 200; {
		status = h.Call(t, mine, "POST", threadsPath+"/"+full+"/items", batch).Status
	}
	call(mine, "POST", "/"+full+"/items", batch, 400, `"code":"invalid_body"`)
	asked := len(h.Fake.Requests())
	more := strings.Repeat("y", 2_000_000)
	if a := h.Call(t, mine, http.MethodPost, "/v1/responses", responsesBody(servertest.Model, false, more, `,"conversation":"`+full+`"`)); a.Status != 400 || len(h.Fake.Requests()) != asked {
		t.Errorf("a full conversation: got %d %s", a.Status, a.Body)
	}

	// It is over so long after something was added.
	h.Clock.Advance(sallyport.ThreadsKept - time.Minute)
	respond(t, h, responsesBody(servertest.Model, false, "x", `,"conversation":"`+id+`"`))
	h.Clock.Advance(sallyport.ThreadsKept - time.Minute)
	call(mine, "GET", "/"+id, "", 200, "")
	h.Clock.Advance(time.Minute)
	call(mine, "GET", "/"+id, "", 404, "")
}
