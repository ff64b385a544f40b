package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
	"github.com/sallyport-ai/sallyport/internal/store/storetest"
)

// How an answer ends that is not done: its state, and what the person is told.
func TestConversationFailures(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range []struct {
		name   string
		answer providertest.Answer
		state  sallyport.MessageState
		code   sallyport.Code
		text   string
		says   string
		retry  int64
	}{
		{name: "without its end", answer: providertest.Answer{Pieces: []string{"Half ", "of it"}, Fault: providertest.Cut, After: 2},
			state: sallyport.MessageCut, code: sallyport.UpstreamClosed, text: "Half of it"},
		{name: "the connection is lost", answer: providertest.Answer{Pieces: []string{"Half ", "of it ", "x"}, Fault: providertest.Close, After: 2},
			state: sallyport.MessageCut, code: sallyport.UpstreamClosed, text: "Half of it "},
		{name: "refused", answer: providertest.Answer{Status: 429, Body: `{"error":{"message":"Slow down, please."}}`, Header: map[string]string{"Retry-After": "7"}},
			state: sallyport.MessageFailed, code: sallyport.UpstreamError, says: "Slow down, please.", retry: 7},
		{name: "our credential", answer: providertest.Answer{Status: 401, Body: `{"error":{"message":"bad key sk-secret"}}`},
			state: sallyport.MessageFailed, code: sallyport.UpstreamAuth},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newTalk(t, h, h.Home.User)
			h.Fake.Queue(tt.answer)
			mark := h.Mark(t, h.Home.ID)
			_, got := k.said("", "Hello")
			if got.State != tt.state || got.Text != tt.text || got.Error == nil || got.Error.Code != tt.code ||
				!strings.Contains(got.Error.Message, tt.says) || got.Error.RetryAfter != tt.retry || strings.Contains(got.Error.Message, "sk-secret") {
				t.Errorf("the answer is %+v, error %+v", got, got.Error)
			}
			records := h.Records(t, h.Home.ID, mark)
			told := false
			for _, r := range records {
				if r.Phase == sallyport.PhaseOutcome {
					told = r.Code == tt.code && r.Cost.Charge == got.Credits && r.RequestID == got.RequestID
				}
			}
			if !told {
				t.Errorf("the records are %+v", records)
			}
			if again := k.messages(""); again[1].State != got.State || again[1].Error == nil || *again[1].Error != *got.Error {
				t.Errorf("read again: %+v", again[1])
			}
		})
	}
}

// Limits and credits refuse with whose they are, and the message stays.
func TestConversationRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Credits: 1})
	k := newTalk(t, h, h.Home.User)
	message, got := k.said("", "Hello")
	if got.State != sallyport.MessageFailed || got.Error.Code != sallyport.InsufficientCredits || !strings.Contains(got.Error.Message, "organisation's balance") {
		t.Errorf("without credits: %+v %+v", got, got.Error)
	}
	setLimits(t, h, "user", string(h.Home.User.ID), 1, 0)
	k.said("", "Hello")
	_, got = k.said("", "Hello")
	if got.Error == nil || got.Error.Code != sallyport.RateLimited || !strings.Contains(got.Error.Message, "user") || got.Error.RetryAfter == 0 {
		t.Errorf("over a limit: %+v %+v", got, got.Error)
	}
	if m := k.messages(message.ID); m[0].Text != "Hello" || len(m[0].Siblings) != 3 {
		t.Errorf("the message is %+v", m[0])
	}
}

// What data protection did is shown to the person, and the model sees none of it.
func TestConversationMasked(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	text := "日本🙂: mail " + email + " with " + awsKey
	h.Fake.Queue(providertest.Answer{Text: "Take " + githubKey + " now"})
	message, answer := k.said("", text)
	if body := string(h.Fake.Requests()[0].Body); strings.Contains(body, email) || strings.Contains(body, awsKey) {
		t.Errorf("the provider was sent %s", body)
	}
	masked := k.messages("")[0].Masked
	if len(masked) != 2 || masked[0].Type != "EMAIL_ADDRESS" || masked[0].Label != "email address" || masked[0].Count != 1 || masked[1].Type != dlp.TypeSecret {
		t.Fatalf("masked is %+v", masked)
	}
	for i, want := range []string{email, awsKey} {
		// Places are in units of UTF-16, of which 🙂 has two.
		at := masked[i].At
		if len(at) != 1 {
			t.Fatalf("%s is at %+v", want, at)
		}
		before := strings.Index(text, want) - len("日本🙂") + len("..") + 2
		if at[0] != (chat.Place{Start: before, End: before + len(want)}) {
			t.Errorf("%s is at %+v, want %d", want, at, before)
		}
	}
	if strings.Contains(answer.Text, githubKey) || len(answer.Masked) != 1 || answer.Masked[0].Action != "redact" {
		t.Errorf("the answer is %+v", answer)
	}
	if message.Text != text {
		t.Errorf("the message is %q", message.Text)
	}

	setPolicy(t, h, blockSecrets)
	asked := len(h.Fake.Requests())
	b := newTalk(t, h, h.Home.User)
	_, blocked := b.said("", "It is "+awsKey)
	if blocked.State != sallyport.MessageBlocked || blocked.Error.Code != sallyport.DLPBlocked || !strings.Contains(blocked.Error.Message, "1 AWS") || strings.Contains(blocked.Error.Message, awsKey) {
		t.Errorf("the answer is %+v %+v", blocked, blocked.Error)
	}
	if m := b.messages("")[0].Masked; len(m) != 1 || m[0].Action != "block" || len(m[0].At) != 1 {
		t.Errorf("blocked is %+v", m)
	}
	if len(h.Fake.Requests()) != asked {
		t.Error("the provider was asked")
	}
	h.Fake.Queue(providertest.Answer{Text: "Fine"})
	if _, next := b.said(blocked.ID, "Without it"); next.State != sallyport.MessageDone {
		t.Errorf("what was blocked blocks what follows: %+v", next)
	}
}

// A key makes a request happen once, also when two tabs send it at once; without
// one, two messages below one parent are two branches.
func TestConversationOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	send := func(key, text string) servertest.Answer {
		r := h.Request(t.Context(), t, k.who.Key, http.MethodPost, "/api/v1"+k.path("/messages"), `{"parent":"","text":"`+text+`"}`)
		r.Header.Set("Idempotency-Key", key)
		return h.Send(t, r)
	}
	answers := make([]servertest.Answer, 4)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = send("one", "Hello") })
	}
	all.Wait()
	ids := map[string]bool{}
	for _, a := range answers {
		_, id, _ := strings.Cut(a.Body, `"id":"`)
		if a.Status != http.StatusAccepted || len(id) < 36 {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		ids[id[:36]] = true
	}
	if len(ids) != 1 {
		t.Errorf("one key made the messages %v", ids)
	}
	if a := send("one", "Another"); a.Status != http.StatusConflict {
		t.Errorf("the key with another body: %d %s", a.Status, a.Body)
	}
	if a := send("two", "Hello"); a.Status != http.StatusAccepted {
		t.Errorf("another key: %d %s", a.Status, a.Body)
	}
	if a := send("with space", "Hello"); a.Status != http.StatusBadRequest {
		t.Errorf("a key with a space: %d %s", a.Status, a.Body)
	}
	if m := k.messages(""); len(m) != 2 || len(m[0].Siblings) != 2 {
		t.Errorf("the path is %+v", m)
	}
}

// Nothing is overwritten: edits are branches, another answer is a sibling.
func TestConversationBranches(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	first, answer := k.said("", "One")
	_, end := k.said(answer.ID, "Two")
	edited, other := k.said("", "Uno")
	again := ask[chat.Sent](k, http.MethodPost, k.at(answer.ID, "/regenerate"), map[string]string{"model": servertest.Claude}, http.StatusAccepted)
	second := k.end(again.Answer.ID)
	if second.Model != servertest.Claude || second.Parent != first.ID || again.Message != nil {
		t.Errorf("the other answer is %+v", second)
	}
	texts := func(leaf sallyport.MessageID) (all []string) {
		for _, m := range k.messages(leaf) {
			all = append(all, m.Text)
		}
		return all
	}
	for leaf, want := range map[sallyport.MessageID]string{
		answer.ID: "[One One Two Two]", edited.ID: "[Uno Uno]", second.ID: "[One One]", first.ID: "[One One]",
	} {
		if got := fmt.Sprint(texts(leaf)); got != want {
			t.Errorf("the branch of %s is %s, want %s", leaf, got, want)
		}
	}
	if m := k.messages(second.ID); len(m[0].Siblings) != 2 || len(m[1].Siblings) != 2 || m[1].Siblings[1] != second.ID {
		t.Errorf("the siblings are %+v", m)
	}
	c := ask[chat.Conversation](k, http.MethodPatch, k.path(""), map[string]any{"leaf": answer.ID, "title": "Zahlen", "folder": "F", "pinned": true}, http.StatusOK)
	if c.Leaf != end.ID || c.Title != "Zahlen" || c.Folder != "F" || !c.Pinned {
		t.Errorf("the conversation is %+v", c)
	}
	for _, bad := range []map[string]any{{"title": ""}, {"title": "a\nb"}, {"model": "nothing"}, {"leaf": "nothing"}} {
		if a := k.call(http.MethodPatch, k.path(""), bad); a.Status < 400 || a.Status >= 500 {
			t.Errorf("%v: %d %s", bad, a.Status, a.Body)
		}
	}
	fork := ask[chat.Conversation](k, http.MethodPost, k.path("/fork"), map[string]any{"message": other.ID}, http.StatusOK)
	f := k
	f.id = fork.ID
	if m := f.messages(""); len(m) != 2 || m[1].Text != "Uno" || m[1].ID == other.ID || fork.Title != "Zahlen" {
		t.Errorf("the fork is %+v of %+v", m, fork)
	}
	if a := f.call(http.MethodGet, f.at(other.ID, "/events"), nil); a.Status != http.StatusNotFound {
		t.Errorf("the fork knows the old message: %d", a.Status)
	}
	if a := k.call(http.MethodPut, k.at(answer.ID, "/rating"), map[string]int{"value": -1}); a.Status != http.StatusNoContent {
		t.Errorf("rate: %d %s", a.Status, a.Body)
	}
	if m := k.messages(answer.ID); m[1].Rating != -1 {
		t.Errorf("the rating is %d", m[1].Rating)
	}
}

// A long chat is read in pages from its end.
func TestConversationPages(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	parent, want := sallyport.MessageID(""), ""
	const turns = 60
	for i := range turns {
		_, a := k.said(parent, fmt.Sprint("m", i))
		parent = a.ID
		want += fmt.Sprint("m", i, "m", i)
	}
	got, before := "", sallyport.MessageID("")
	for pages := 1; ; pages++ {
		p := ask[chat.MessagesPage](k, http.MethodGet, k.path("/messages?before="+string(before)), nil, http.StatusOK)
		text := ""
		for _, m := range p.Messages {
			text += m.Text
		}
		got = text + got
		if !p.More {
			if pages != 3 {
				t.Errorf("there are %d pages", pages)
			}
			break
		}
		before = p.Messages[0].ID
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What does not fit the window is left out, oldest first, and the answer says so.
func TestConversationWindow(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	small := sallyport.Model{
		ID: "small", Provider: "fake", Target: "target-small", ContextWindow: 2000, OutputMax: 500,
		Price: sallyport.Price{Input: 1, Output: 1, Version: "p"},
	}
	if err := h.DB.SaveProvider(t.Context(), sallyport.ProviderSettings{Org: h.Home.ID, Name: "unused", Type: "openai", BaseURL: "http://127.0.0.1:1"}, storetest.Event("providers.save")); err != nil {
		t.Fatal(err)
	}
	if err := h.DB.SaveModel(t.Context(), h.Home.ID, small, storetest.Event("models.save")); err != nil {
		t.Fatal(err)
	}
	h.Models.Forget()
	k := newTalk(t, h, h.Home.User)
	part := strings.Repeat("word ", 400) // 500 tokens by the estimate
	h.Fake.Queue(providertest.Answer{Text: "A1"}, providertest.Answer{Text: "A2"}, providertest.Answer{Text: "A3"})
	parent := sallyport.MessageID("")
	var last chat.Message
	for i := range 4 {
		sent := ask[chat.Sent](k, http.MethodPost, k.path("/messages"), map[string]any{
			"parent": parent, "text": fmt.Sprint("Q", i, " ", part), "model": "small",
		}, http.StatusAccepted)
		last = k.end(sent.Answer.ID)
		if i < 2 && last.LeftOut != 0 {
			t.Errorf("answer %d: %d were left out", i, last.LeftOut)
		}
		parent = last.ID
	}
	if last.LeftOut != 4 {
		t.Errorf("%d messages were left out, want 4: %+v", last.LeftOut, last)
	}
	requests := h.Fake.Requests()
	if len(requests) > 0 {
		body := string(requests[len(requests)-1].Body)
		if strings.Contains(body, "Q1") || !strings.Contains(body, "Q2") || !strings.Contains(body, "Q3") {
			t.Errorf("the model was shown %.200s", body)
		}
	}
	a := k.call(http.MethodPost, k.path("/messages"), map[string]any{"parent": parent, "text": strings.Repeat("word ", 2000), "model": "small"})
	if a.Status != http.StatusRequestEntityTooLarge || !strings.Contains(a.Body, "2000 tokens") {
		t.Errorf("too large a message: %d %s", a.Status, a.Body)
	}
	if m := k.messages(""); m[len(m)-1].ID != parent {
		t.Error("the message that was refused is there")
	}
}

// Nobody else, administrators included, finds anything of a conversation.
func TestConversationIsItsOwners(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	png := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n0000"))
	sent := ask[chat.Sent](k, http.MethodPost, k.path("/messages"), map[string]any{
		"parent": "", "text": "secret words", "attachments": []map[string]string{{"name": "a.png", "data": png}},
	}, http.StatusAccepted)
	k.end(sent.Answer.ID)
	file := string(sent.Message.Attachments[0].ID)
	for _, who := range []servertest.Member{h.Home.Admin, h.Home.Creator, h.Other.User, h.Other.Admin} {
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{http.MethodGet, k.path(""), nil},
			{http.MethodPatch, k.path(""), map[string]any{"title": "x"}},
			{http.MethodDelete, k.path(""), nil},
			{http.MethodPost, k.path("/restore"), nil},
			{http.MethodGet, k.path("/messages"), nil},
			{http.MethodPost, k.path("/messages"), map[string]any{"parent": "", "text": "x"}},
			{http.MethodPost, k.at(sent.Answer.ID, "/regenerate"), nil},
			{http.MethodPost, k.at(sent.Answer.ID, "/continue"), nil},
			{http.MethodPost, k.at(sent.Answer.ID, "/stop"), nil},
			{http.MethodPut, k.at(sent.Answer.ID, "/rating"), map[string]any{"value": 1}},
			{http.MethodGet, k.at(sent.Answer.ID, "/events"), nil},
			{http.MethodPost, k.path("/fork"), map[string]any{"message": sent.Answer.ID}},
			{http.MethodPost, k.path("/share"), nil},
			{http.MethodGet, k.path("/export"), nil},
			{http.MethodGet, k.path("/attachments/" + file), nil},
			{http.MethodPost, k.path("/runs"), map[string]any{"agent": "x"}},
		} {
			other := talk{t, h, who, k.id}
			if a := other.call(c.method, c.path, c.body); a.Status != http.StatusNotFound || strings.Contains(a.Body, "secret") {
				t.Errorf("%s %s as %s: %d %s", c.method, c.path, who.Role, a.Status, a.Body)
			}
		}
		other := talk{t, h, who, ""}
		if p := ask[chat.Page](other, http.MethodGet, "/conversations?q=secret", nil, http.StatusOK); len(p.Conversations) != 0 {
			t.Errorf("%s finds %+v", who.Role, p)
		}
	}
	for _, r := range h.Records(t, h.Home.ID, 0) {
		if body := fmt.Sprintf("%s %s", r.Change, r.Resource); strings.Contains(body, "secret") || strings.Contains(body, "a.png") {
			t.Errorf("a record tells %s", body)
		}
	}
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(h.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("secret words")) || bytes.Contains(raw, []byte("a.png")) {
			t.Error("what was said is in the database as it is")
		}
	}
}

func TestConversationSearch(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	_, a := k.said("", "Where is the Älteste Brücke of Prague?")
	k.said(a.ID, "And of Rome?")
	old := k
	k = newTalk(t, h, h.Home.User)
	h.Clock.Advance(time.Minute)
	k.said("", "Something else")
	find := func(q string) []chat.Conversation {
		t.Helper()
		return ask[chat.Page](k, http.MethodGet, "/conversations?q="+strings.ReplaceAll(q, " ", "+"), nil, http.StatusOK).Conversations
	}
	if got := find("älteste BRÜCKE"); len(got) != 1 || got[0].ID != old.id || got[0].Hit == nil ||
		got[0].Hit.Match != "Älteste Brücke" || got[0].Hit.Before != "Where is the " {
		t.Errorf("found %+v", got)
	}
	if got := find("rome"); len(got) != 1 || got[0].Hit.Message == "" || got[0].Hit.Match != "Rome" {
		t.Errorf("found %+v", got)
	}
	if got := find("nothing of it"); len(got) != 0 {
		t.Errorf("found %+v", got)
	}
	if got := find("e"); len(got) != 2 || got[0].ID != k.id {
		t.Errorf("found %+v", got)
	}
	p := ask[chat.Page](k, http.MethodGet, "/conversations?limit=1&q=e", nil, http.StatusOK)
	if p = ask[chat.Page](k, http.MethodGet, "/conversations?limit=1&q=e&cursor="+p.Next, nil, http.StatusOK); len(p.Conversations) != 1 || p.Conversations[0].ID != old.id {
		t.Errorf("the next page is %+v", p)
	}
	if a := k.call(http.MethodGet, "/conversations?cursor=none", nil); a.Status != http.StatusBadRequest {
		t.Errorf("a false cursor: %d", a.Status)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	_, answer := k.said("", "Shared words")
	share := ask[chat.Shared](k, http.MethodPost, k.path("/share"), nil, http.StatusOK)
	k.said(answer.ID, "Later words")
	path := "/shares/" + string(share.ID)
	colleague, stranger := talk{t, h, h.Home.Creator, ""}, talk{t, h, h.Other.User, ""}
	got := ask[chat.Snapshot](colleague, http.MethodGet, path, nil, http.StatusOK)
	if got.Title != "Shared words" || got.Mine || len(got.Messages) != 2 || got.Messages[1].Text != "Shared words" {
		t.Errorf("the share is %+v", got)
	}
	if !ask[chat.Snapshot](k, http.MethodGet, path, nil, http.StatusOK).Mine || !k.get().Shared {
		t.Error("the owner does not see that it is shared")
	}
	if list := ask[[]chat.Shared](k, http.MethodGet, "/shares", nil, http.StatusOK); len(list) != 1 || list[0].ID != share.ID || list[0].Title != "Shared words" {
		t.Errorf("the list is %+v", list)
	}
	for _, a := range []servertest.Answer{
		stranger.call(http.MethodGet, path, nil), stranger.call(http.MethodDelete, path, nil), colleague.call(http.MethodDelete, path, nil),
	} {
		if a.Status != http.StatusNotFound {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
	}
	if a := (talk{t, h, h.Home.Admin, ""}).call(http.MethodDelete, path, nil); a.Status != http.StatusNoContent {
		t.Errorf("an administrator revokes: %d %s", a.Status, a.Body)
	}
	if a := colleague.call(http.MethodGet, path, nil); a.Status != http.StatusNotFound {
		t.Errorf("revoked: %d", a.Status)
	}
}

// What is deleted can be restored for a while, and its shares with it.
func TestConversationDeleted(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	h.Fake.Queue(providertest.Answer{Pieces: []string{"Some ", "more"}, Fault: providertest.Stall, After: 1})
	sent := k.say("", "Hello")
	h.Fake.Wait(t, 1)
	if a := k.call(http.MethodDelete, k.path(""), nil); a.Status != http.StatusNoContent {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	h.Fake.Requests()[0].WaitGone(t) // nobody pays for an answer that nobody can read
	for _, path := range []string{"", "/messages", "/messages/" + string(sent.Answer.ID) + "/events", "/export"} {
		if a := k.call(http.MethodGet, k.path(path), nil); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	ask[chat.Conversation](k, http.MethodPost, k.path("/restore"), nil, http.StatusOK)
	if got := k.end(sent.Answer.ID); got.State != sallyport.MessageStopped {
		t.Errorf("the answer is %+v", got)
	}
	k.call(http.MethodDelete, k.path(""), nil)
	h.Clock.Advance(chat.DeletedKept)
	if a := k.call(http.MethodPost, k.path("/restore"), nil); a.Status != http.StatusNotFound {
		t.Errorf("restored too late: %d", a.Status)
	}
}

// Files go to the model as parts of the message, and come back to their owner as
// files, whatever they say they are.
func TestAttachments(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	image := []byte("\x89PNG\r\n\x1a\n0000")
	page := []byte("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/> " + email)
	file := func(name string, data []byte) map[string]string {
		return map[string]string{"name": name, "type": "text/html", "data": base64.StdEncoding.EncodeToString(data)}
	}
	send := func(files ...map[string]string) servertest.Answer {
		return k.call(http.MethodPost, k.path("/messages"), map[string]any{"parent": "", "text": "Look", "attachments": files})
	}
	sent := ask[chat.Sent](k, http.MethodPost, k.path("/messages"), map[string]any{
		"parent": "", "text": "Look", "attachments": []map[string]string{file(`C:\x/pic"ture.html`, image), file("../../a\u202e\n.svg", page)},
	}, http.StatusAccepted)
	k.end(sent.Answer.ID)
	files := sent.Message.Attachments
	if len(files) != 2 || files[0].Type != "image/png" || files[0].Name != `pic"ture.html` || files[1].Type != "text/plain" || files[1].Name != "a.svg" {
		t.Fatalf("the files are %+v", files)
	}
	body := string(h.Fake.Requests()[0].Body)
	if !strings.Contains(body, "data:image/png;base64,"+base64.StdEncoding.EncodeToString(image)) || !strings.Contains(body, "onload") {
		t.Errorf("the model was shown %s", body)
	}
	if strings.Contains(body, email) {
		t.Error("data protection did not look into a file")
	}
	if m := k.messages("")[0].Masked; len(m) != 1 || len(m[0].At) != 0 || m[0].Count != 1 {
		t.Errorf("masked is %+v", m)
	}
	for i, want := range [][]byte{image, page} {
		a := k.call(http.MethodGet, k.path("/attachments/"+string(files[i].ID)), nil)
		if a.Status != http.StatusOK || a.Body != string(want) || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(a.Header.Get("Content-Type"), files[i].Type) ||
			!strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("the file is %d %q %v", a.Status, a.Body, a.Header)
		}
	}
	many := make([]map[string]string, chat.FilesMax+1)
	for i := range many {
		many[i] = file("a", []byte("a"))
	}
	for name, a := range map[string]servertest.Answer{
		"a program":     send(file("a.txt", []byte("MZ\x00\x01"))),
		"nothing":       send(file("a.txt", nil)),
		"a long text":   send(file("a.txt", bytes.Repeat([]byte("a"), chat.TextFileMax+1))),
		"a large image": send(file("a.png", append(image, make([]byte, chat.ImageMax)...))),
		"too many":      send(many...),
	} {
		if a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	fork := ask[chat.Conversation](k, http.MethodPost, k.path("/fork"), map[string]any{"message": sent.Message.ID}, http.StatusOK)
	k.id = fork.ID
	if f := k.messages("")[0].Attachments; len(f) != 2 || f[0].ID == files[0].ID ||
		k.call(http.MethodGet, k.path("/attachments/"+string(f[0].ID)), nil).Body != string(image) {
		t.Errorf("the files of the fork are %+v", f)
	}
}

func TestConversationExport(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	_, a := k.said("", "First **words**")
	k.said(a.ID, "More")
	k.said("", "A branch")
	mark := h.Mark(t, h.Home.ID)
	markdown := k.call(http.MethodGet, k.path("/export"), nil)
	if markdown.Status != http.StatusOK || !strings.HasPrefix(markdown.Body, "# First **words**\n") || !strings.Contains(markdown.Body, "A branch") ||
		strings.Contains(markdown.Body, "More") || !strings.Contains(markdown.Body, "2 messages, exported") {
		t.Errorf("Markdown: %d %s", markdown.Status, markdown.Body)
	}
	all := ask[struct {
		Conversation chat.Conversation
		Messages     []chat.Message
	}](k, http.MethodGet, k.path("/export?format=json"), nil, http.StatusOK)
	if len(all.Messages) != 6 || all.Conversation.ID != k.id || all.Messages[5].Text != "A branch" {
		t.Errorf("JSON: %+v", all)
	}
	if records := h.Records(t, h.Home.ID, mark); len(records) != 2 || records[0].Action != "conversations.export" {
		t.Errorf("the records are %+v", records)
	}
	if a := k.call(http.MethodGet, k.path("/export?format=exe"), nil); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("another form: %d", a.Status)
	}
}

// Answers under way at once are bounded.
func TestConversationBusy(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	var sent []chat.Sent
	for range chat.AnswersOfPersonMax {
		h.Fake.Queue(providertest.Answer{Text: "never", Fault: providertest.Hang})
		sent = append(sent, k.say("", "Hello"))
	}
	h.Fake.Wait(t, len(sent)) // each has the answer that was meant for it
	body := map[string]any{"parent": "", "text": "One more"}
	if a := k.call(http.MethodPost, k.path("/messages"), body); a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s %v", a.Status, a.Body, a.Header)
	}
	if a := k.call(http.MethodPost, k.path("/messages"), map[string]any{"parent": sent[0].Answer.ID, "text": "Below"}); a.Status < 400 {
		t.Errorf("below an answer under way: %d", a.Status)
	}
	other := newTalk(t, h, h.Home.Creator)
	if _, got := other.said("", "Hello"); got.State != sallyport.MessageDone {
		t.Errorf("another person: %+v", got)
	}
	for _, s := range sent {
		ask[chat.Message](k, http.MethodPost, k.at(s.Answer.ID, "/stop"), nil, http.StatusOK)
	}
	if _, got := k.said("", "Hello"); got.State != sallyport.MessageDone {
		t.Errorf("afterwards: %+v", got)
	}
}
