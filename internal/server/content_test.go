package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/audit"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// keepContent decides what is kept in the home, and lets its members read it.
func keepContent(t *testing.T, h *servertest.House, level sallyport.ContentLevel) {
	t.Helper()
	users, err := json.Marshal([]sallyport.UserID{h.Home.User.ID, h.Home.Creator.ID, h.Home.Admin.ID})
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"content": fmt.Sprintf(`{"level":%q}`, level), "readers": `{"users":` + string(users) + `}`,
	} {
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/audit/policy/"+path, body); a.Status != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// keptCall makes a call whose content is kept, and returns its id.
func keptCall(t *testing.T, h *servertest.House) string {
	t.Helper()
	keepContent(t, h, sallyport.ContentAnswer)
	mark := h.Mark(t, h.Home.ID)
	h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	return string(h.Records(t, h.Home.ID, mark)[0].Call)
}

// content is what the API tells of a call.
type content struct {
	CallID  sallyport.CallID  `json:"call_id"`
	Seq     int64             `json:"seq"`
	UserID  sallyport.UserID  `json:"user_id"`
	Request audit.KeptRequest `json:"request"`
	Answer  *audit.KeptAnswer `json:"answer"`
}

// lastContent reads what is kept of the last call.
func lastContent(t *testing.T, h *servertest.House) content {
	t.Helper()
	kept, err := h.DB.Contents(t.Context(), h.Home.ID, 0, 100_000)
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/audit/content/"+string(kept[len(kept)-1].Call), "")
	var c content
	if err := json.Unmarshal([]byte(a.Body), &c); err != nil || a.Status != http.StatusOK {
		t.Fatalf("read the content: %d %s %v", a.Status, a.Body, err)
	}
	return c
}

// inFile says which of the values stand anywhere in the files of the database.
func inFile(t *testing.T, h *servertest.House, values ...string) (found []string) {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal", "-shm"} {
		file, err := os.ReadFile(h.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file...)
	}
	for _, value := range values {
		if bytes.Contains(all, []byte(value)) {
			found = append(found, value)
		}
	}
	return found
}

// What is kept never has a value that data protection found: not the caller's,
// whether it left as a placeholder or as it is; not one that was restored in the
// answer; not one that the model made up. And nothing of it can be read in the
// database.
func TestContentHidesValues(t *testing.T) {
	t.Parallel()
	const plain = "The walrus and the carpenter"
	for _, mode := range []string{dlp.Enforce, dlp.Observe, dlp.Off} {
		for _, model := range []string{servertest.Model, servertest.Claude} {
			t.Run(mode+" "+model, func(t *testing.T) {
				t.Parallel()
				h := servertest.New(t, servertest.Options{})
				keepContent(t, h, sallyport.ContentAnswer)
				setPolicy(t, h, func(p *dlp.Policy) { p.Mode = mode })
				prompt := plain + " mail " + email + " the key " + awsKey
				for _, stream := range []bool{false, true} {
					// The provider says what it was told, and makes a key up.
					h.Fake.Queue(providertest.Answer{})
					a := h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(stream, prompt, ""), servertest.Model, model, 1))
					if a.Status != http.StatusOK || !strings.Contains(a.Body, "example.com") {
						t.Fatalf("the client got %d %s, want its address back", a.Status, a.Body)
					}
					c := lastContent(t, h)
					wantHidden(t, c, plain, awsKey, email)

					h.Fake.Queue(providertest.Answer{Text: plain + " is " + githubKey})
					h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(stream, plain, ""), servertest.Model, model, 1))
					c = lastContent(t, h)
					wantHidden(t, c, plain, githubKey)
					if got := typed(c.Answer.Texts[0].Text); got != plain+" is [REDACTED]" {
						t.Errorf("kept of the answer is %q", got)
					}
				}
				if found := inFile(t, h, awsKey, githubKey, email, plain, "walrus"); len(found) > 0 {
					t.Errorf("the database can be read for %q", found)
				}
			})
		}
	}
}

// wantHidden fails the test unless request and answer are kept, with the plain
// text in both and the values in neither.
func wantHidden(t *testing.T, c content, plain string, values ...string) {
	t.Helper()
	if c.Answer == nil || len(c.Answer.Texts) != 1 || c.Request.Cut || c.Answer.Cut {
		t.Fatalf("kept is %+v, %+v; want the request and one text", c.Request, c.Answer)
	}
	for place, text := range map[string]string{"request": c.Request.Text, "answer": c.Answer.Texts[0].Text} {
		if !strings.Contains(text, plain) {
			t.Errorf("kept of the %s is %q", place, text)
		}
		for _, value := range values {
			if strings.Contains(text, value) {
				t.Errorf("kept of the %s has %s: %q", place, value, text)
			}
		}
	}
}

// However a text is cut, what is kept of it is the same; of one that breaks off,
// the beginning of something hidden is not kept.
func TestContentOfStreams(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	keepContent(t, h, sallyport.ContentAnswer)
	token := placeholderOf(t, h, email)
	answer := "Ask " + token + " for " + awsKey + " soon."
	for _, pieces := range splits(answer) {
		h.Fake.Queue(providertest.Answer{Pieces: pieces})
		h.Chat(t, h.Home.User.Key, chatBody(true, "Mail "+email, ""))
		c := lastContent(t, h)
		if got := typed(c.Answer.Texts[0].Text); got != "Ask "+token+" for [REDACTED] soon." || c.Answer.Cut {
			t.Fatalf("cut as %q: kept is %q, cut: %t", pieces, got, c.Answer.Cut)
		}
	}
	for n := range awsKey {
		h.Fake.Queue(providertest.Answer{Pieces: []string{"Words, ", awsKey[:n+1], "x"}, Fault: providertest.Close, After: 2})
		h.Chat(t, h.Home.User.Key, chatBody(true, "hello", ""))
		c := lastContent(t, h)
		// Four characters of a key are no secret, they say what it is.
		if got := c.Answer.Texts[0].Text; !strings.HasPrefix("Words, "+awsKey[:4], got) && typed(got) != "Words, [REDACTED]" {
			t.Errorf("broken off after %q: kept is %q", awsKey[:n+1], got)
		}
		if !c.Answer.Cut && !strings.Contains(c.Answer.Texts[0].Text, "REDACTED") {
			t.Errorf("broken off after %q: nobody says that there was more", awsKey[:n+1])
		}
	}
}

// Tools, reasoning and several choices are texts of their own, and values do not
// come back for trusted tools.
func TestContentOfManyTexts(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	keepContent(t, h, sallyport.ContentAnswer)
	setPolicy(t, h, func(p *dlp.Policy) { p.TrustedTools = []string{"send"} })
	token := placeholderOf(t, h, email)
	ask := func(stream bool, more string, answer providertest.Answer) (texts []string) {
		t.Helper()
		h.Fake.Queue(answer)
		if a := h.Chat(t, h.Home.User.Key, chatBody(stream, "Mail "+email, more)); answer.Thinking+more == "" && !strings.Contains(a.Body, email) {
			t.Errorf("the trusted tool did not get its value: %s", a.Body)
		}
		for _, text := range lastContent(t, h).Answer.Texts {
			texts = append(texts, fmt.Sprintf("%d %s %d %s: %s", text.Choice, text.Kind, text.Index, text.Tool, typed(text.Text)))
		}
		slices.Sort(texts)
		return texts
	}
	want := func(got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("kept is %q, want %q", got, want)
		}
	}
	arguments := `{"to":"` + token + `","key":"` + awsKey + `"}`
	want(ask(false, "", providertest.Answer{Text: "Done.", Tools: []providertest.ToolCall{{ID: "call_1", Name: "send", Arguments: arguments}}}),
		`0 arguments 0 send: {"to":"`+token+`","key":"[REDACTED]"}`, "0 content 0 : Done.")
	want(ask(true, "", providertest.Answer{Frames: toolFrames(splits(arguments)[10])}),
		`0 arguments 0 send: {"to":"`+token+`","key":"[REDACTED]"}`, `0 arguments 1 look: {"q":"plain \u00e9"}`, "0 content 0 : Calling [REDACTED]")
	want(ask(true, "", providertest.Answer{Text: "Done.", Thinking: "He wants " + githubKey + "."}),
		"0 content 0 : Done.", "0 reasoning 0 : He wants [REDACTED].")
	want(ask(true, `,"n":2`, providertest.Answer{Text: "one of two"}), "0 content 0 : one of two", "1 content 0 : one of two")
}

// The level says what is kept, of all calls or of one action; without it nothing
// is, and calls have the records that they always had.
func TestContentLevels(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	call := func(want string) {
		t.Helper()
		mark := h.Mark(t, h.Home.ID)
		h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
		records := h.Records(t, h.Home.ID, mark)
		wantPair(t, records, sallyport.OutcomeSuccess, "")
		kept, err := h.DB.Contents(t.Context(), h.Home.ID, mark, 0)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			if len(kept) != 0 || records[1].Content != nil {
				t.Errorf("kept are %d contents, and the record tells of %+v; want nothing", len(kept), records[1].Content)
			}
			return
		}
		if len(kept) != 1 || kept[0].Seq != records[1].Seq || records[0].Content != nil || records[1].Content == nil || string(records[1].Content.Level) != want {
			t.Fatalf("kept is %+v, and the record tells of %+v; want level %s", kept, records[1].Content, want)
		}
		c := lastContent(t, h)
		if c.CallID != records[1].Call || c.UserID != h.Home.User.ID || !strings.Contains(c.Request.Text, "hello") || (c.Answer != nil) != (want == "answer") {
			t.Errorf("level %s: kept is %+v", want, c)
		}
	}
	set := func(method, query, body string) {
		t.Helper()
		if a := h.Call(t, h.Home.Admin.Key, method, "/api/v1/audit/policy/content"+query, body); a.Status != http.StatusNoContent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	call("")
	keepContent(t, h, sallyport.ContentRequest)
	call("request")
	set(http.MethodPut, "", `{"level":"answer"}`)
	call("answer")
	set(http.MethodPut, "?action=chat.completions", `{"level":"metadata"}`)
	call("")
	set(http.MethodPut, "", `{"level":"metadata"}`)
	set(http.MethodPut, "?action=chat.completions", `{"level":"request"}`)
	call("request")
	set(http.MethodDelete, "?action=chat.completions", "")
	call("")

	// What is refused was not let out.
	keepContent(t, h, sallyport.ContentAnswer)
	mark := h.Mark(t, h.Home.ID)
	setPolicy(t, h, blockSecrets)
	h.Chat(t, h.Home.User.Key, chatBody(false, "my key is "+awsKey, ""))
	h.Chat(t, h.Home.User.Key, `{"model":"nobody's","messages":[{"role":"user","content":"hello"}]}`)
	if kept, err := h.DB.Contents(t.Context(), h.Home.ID, mark, 0); err != nil || len(kept) != 0 {
		t.Errorf("of refused calls %d contents are kept, %v", len(kept), err)
	}
}

// What is kept is bounded, and says when it was cut.
func TestContentIsBounded(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	keepContent(t, h, sallyport.ContentAnswer)
	long := strings.Repeat("é", audit.ContentMax)
	for _, stream := range []bool{false, true} {
		// A key that begins before the end of what is kept, and ends behind it.
		h.Fake.Queue(providertest.Answer{Pieces: []string{long[:audit.ContentMax-10], " ", awsKey[:9], awsKey[9:], " ", long}})
		h.Chat(t, h.Home.User.Key, chatBody(stream, long, ""))
		c := lastContent(t, h)
		for what, text := range map[string]string{"request": c.Request.Text, "answer": c.Answer.Texts[0].Text} {
			if len(text) > audit.ContentMax || len(text) < audit.ContentMax-4 || !utf8.ValidString(text) {
				t.Errorf("stream %t: %d bytes of the %s are kept, want %d", stream, len(text), what, audit.ContentMax)
			}
		}
		if !c.Request.Cut || !c.Answer.Cut {
			t.Errorf("stream %t: nobody says that it was cut: %t %t", stream, c.Request.Cut, c.Answer.Cut)
		}
		if strings.Contains(c.Answer.Texts[0].Text, "AKIA") {
			t.Errorf("stream %t: a part of a key is kept", stream)
		}
	}
	// As much as there is room for is not cut.
	h.Fake.Queue(providertest.Answer{Text: strings.Repeat("a", audit.ContentMax)})
	h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	if c := lastContent(t, h); c.Answer.Cut || len(c.Answer.Texts[0].Text) != audit.ContentMax {
		t.Errorf("%d bytes are kept, cut: %t", len(c.Answer.Texts[0].Text), c.Answer.Cut)
	}
}

// Content and outcome are one entry of the journal: neither is there without
// the other, also when the outcome is written later.
func TestContentIsWrittenWithTheOutcome(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	keepContent(t, h, sallyport.ContentAnswer)
	mark := h.Mark(t, h.Home.ID)
	h.Faults.Fail(servertest.Outcomes)
	wantUnavailable(t, h.Chat(t, h.Home.User.Key, chatBody(false, "hello", "")))
	if kept, err := h.DB.Contents(t.Context(), h.Home.ID, 0, 0); err != nil || len(kept) != 0 {
		t.Errorf("%d contents are there without an outcome, %v", len(kept), err)
	}
	h.Faults.Fail(nil)
	records := h.WaitRecords(t, h.Home.ID, mark, 2)
	kept, err := h.DB.Contents(t.Context(), h.Home.ID, 0, 0)
	if err != nil || len(kept) != 1 || kept[0].Seq != records[1].Seq {
		t.Errorf("kept is %+v, %v; want the content of record %d", kept, err, records[1].Seq)
	}
}

// Only those read content whom an administrator named, and everybody sees that
// they looked.
func TestContentReaders(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	call := keptCall(t, h)
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/audit/policy/readers", `{"users":["`+string(h.Home.Creator.ID)+`"]}`); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	read := func(m servertest.Member, id string, status int) {
		t.Helper()
		mark := h.Mark(t, m.Org)
		a := h.Call(t, m.Key, http.MethodGet, "/api/v1/audit/content/"+id, "")
		if a.Status != status || strings.Contains(a.Body, "hello") != (status == http.StatusOK) {
			t.Errorf("%s reads %s: %d %s, want %d", m.Role, id, a.Status, a.Body, status)
		}
		records := h.Records(t, m.Org, mark)
		looked := len(records) == 1 && records[0].Phase == sallyport.PhaseEvent && records[0].Action == "audit.content" &&
			records[0].Actor.User == m.ID && records[0].Resource == "content/"+call
		if status == http.StatusOK && !looked || status != http.StatusOK && (len(records) != 1 || records[0].Phase != sallyport.PhaseRefusal) {
			t.Errorf("%s reads %s: the trail tells %+v", m.Role, id, records)
		}
	}
	read(h.Home.Creator, call, 200)
	read(h.Home.Creator, fmt.Sprint(lastSeq(t, h)), 200)
	read(h.Home.Creator, "1", 404)
	read(h.Home.Creator, "nothing", 404)
	read(h.Home.Admin, call, 403)
	read(h.Home.User, call, 403)
	read(h.Other.Admin, call, 403)
	if a := h.Call(t, h.Other.Admin.Key, http.MethodPut, "/api/v1/audit/policy/readers", `{"users":["`+string(h.Other.Admin.ID)+`"]}`); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	read(h.Other.Admin, call, 404)
}

// lastSeq is the record that the last kept content belongs to.
func lastSeq(t *testing.T, h *servertest.House) int64 {
	t.Helper()
	kept, err := h.DB.Contents(t.Context(), h.Home.ID, 0, 0)
	if err != nil || len(kept) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	return kept[len(kept)-1].Seq
}

// Erasing is recorded, leaves the rest, and does nothing under a legal hold.
func TestErase(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	keepContent(t, h, sallyport.ContentRequest)
	h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	h.Chat(t, h.Home.Creator.Key, chatBody(false, "hello", ""))
	erase := func(body string, status int, want string) {
		t.Helper()
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/audit/erasures", body)
		if a.Status != status || !strings.Contains(a.Body, want) {
			t.Errorf("%s: %d %s, want %d %s", body, a.Status, a.Body, status, want)
		}
		records := h.Records(t, h.Home.ID, mark)
		if len(records) != 1 || records[0].Action != "audit.erase" || (records[0].Phase == sallyport.PhaseEvent) != (status == 200) {
			t.Errorf("%s: the trail tells %+v", body, records)
		}
	}
	hold := func(on string) {
		t.Helper()
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/audit/hold", `{"on":`+on+`}`); a.Status != http.StatusNoContent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	user := string(h.Home.User.ID)
	hold("true")
	erase(`{"what":"content","user_id":"`+user+`"}`, 409, "legal hold")
	erase(`{"what":"addresses","user_id":"`+user+`"}`, 409, "legal hold")
	hold("false")
	erase(`{"what":"content"}`, 400, "Say what is to be erased")
	erase(`{"what":"everything","user_id":"`+user+`"}`, 422, "")
	erase(`{"what":"content","user_id":"`+user+`"}`, 200, `"erased":1,"more":false`)
	erase(`{"what":"content","before":"2020-01-01T00:00:00Z"}`, 200, `"erased":0`)
	erase(`{"what":"content","before":"2100-01-01T00:00:00Z"}`, 200, `"erased":1`)
	erase(`{"what":"addresses","user_id":"`+user+`"}`, 200, `"erased":1`) // of the intent
	stored, err := h.DB.Records(t.Context(), h.Home.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(stored, func(r sallyport.StoredRecord) bool {
		return bytes.Contains(r.Body, []byte(`"user_id":"`+user)) && r.Source != (sallyport.Source{}) && !bytes.Contains(r.Body, []byte("audit.erase"))
	}) {
		t.Error("an address of the user is still there")
	}
}

// An administrator erases what a person said, not while it is held, and sees how much.
func TestEraseConversations(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	k.said("", "Hello")
	mine := `{"what":"conversations","user_id":"` + string(h.Home.User.ID) + `"`
	erase := func(who servertest.Member, body string, status int, want string) {
		t.Helper()
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, who.Key, http.MethodPost, "/api/v1/audit/erasures", body)
		if a.Status != status || !strings.Contains(a.Body, want) {
			t.Errorf("%s: %d %s, want %d %s", body, a.Status, a.Body, status, want)
		}
		records := h.Records(t, h.Home.ID, mark)
		if len(records) != 1 || records[0].Action != "audit.erase" || status == http.StatusOK && records[0].Resource != "conversations" {
			t.Errorf("%s: the trail tells %+v", body, records)
		}
	}
	hold := func(on string) {
		t.Helper()
		if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/audit/hold", `{"on":`+on+`}`); a.Status != http.StatusNoContent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	erase(h.Home.User, mine+`}`, http.StatusForbidden, "")
	hold("true")
	erase(h.Home.Admin, mine+`}`, http.StatusConflict, "legal hold")
	hold("false")
	erase(h.Home.Admin, `{"what":"conversations"}`, http.StatusBadRequest, "Say what is to be erased")
	erase(h.Home.Admin, mine+`,"call_id":"c"}`, http.StatusBadRequest, "not of a call")
	erase(h.Home.Admin, mine+`,"before":"2020-01-01T00:00:00Z"}`, http.StatusOK, `"erased":0,"more":false`)
	if got := k.messages(""); len(got) != 2 {
		t.Errorf("before anything is erased: %+v", got)
	}
	erase(h.Home.Admin, mine+`}`, http.StatusOK, `"erased":2,"more":false`)
	if a := k.call(http.MethodGet, k.path(""), nil); a.Status != http.StatusNotFound {
		t.Errorf("the conversation is still there: %d %s", a.Status, a.Body)
	}
}
