package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// talk is a person in a conversation.
type talk struct {
	*testing.T
	h   *servertest.House
	who servertest.Member
	id  sallyport.ConversationID
}

func newTalk(t *testing.T, h *servertest.House, who servertest.Member) talk {
	t.Helper()
	k := talk{t, h, who, ""}
	c := ask[chat.Conversation](k, http.MethodPost, "/conversations", map[string]any{"model": servertest.Model}, http.StatusOK)
	k.id = c.ID
	return k
}

// call makes a call to the control plane with a JSON body; nil: none.
func (k talk) call(method, path string, body any) servertest.Answer {
	k.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			k.Fatal(err)
		}
		text = string(raw)
	}
	return k.h.Call(k, k.who.Key, method, "/api/v1"+path, text)
}

// ask makes a call that must have that status, and reads its answer.
func ask[T any](k talk, method, path string, body any, status int) (v T) {
	k.Helper()
	a := k.call(method, path, body)
	if a.Status != status {
		k.Fatalf("%s %s: got %d %s, want %d", method, path, a.Status, a.Body, status)
	}
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil && a.Body != "" {
		k.Fatalf("%s %s: %s: %v", method, path, a.Body, err)
	}
	return v
}

func (k talk) path(more string) string { return "/conversations/" + string(k.id) + more }

func (k talk) at(m sallyport.MessageID, more string) string {
	return k.path("/messages/" + string(m) + more)
}

// say sends a message and returns it with its answer under way.
func (k talk) say(parent sallyport.MessageID, text string) chat.Sent {
	k.Helper()
	return ask[chat.Sent](k, http.MethodPost, k.path("/messages"), map[string]any{"parent": parent, "text": text}, http.StatusAccepted)
}

// said is say, and waits for the answer's end.
func (k talk) said(parent sallyport.MessageID, text string) (message, answer chat.Message) {
	k.Helper()
	sent := k.say(parent, text)
	return *sent.Message, k.end(sent.Answer.ID)
}

// messages returns the path to a leaf; "": the one that is shown.
func (k talk) messages(leaf sallyport.MessageID) []chat.Message {
	k.Helper()
	return ask[chat.MessagesPage](k, http.MethodGet, k.path("/messages?leaf="+string(leaf)), nil, http.StatusOK).Messages
}

func (k talk) get() chat.Conversation {
	k.Helper()
	return ask[chat.Conversation](k, http.MethodGet, k.path(""), nil, http.StatusOK)
}

// told is one event of an answer.
type told struct {
	Seq   int64
	Event string
	Data  string
}

func (e told) message(t *testing.T) chat.Message {
	t.Helper()
	var m chat.Message
	if e.Event != chat.MessageEvent {
		t.Fatalf("the last event is %+v", e)
	}
	if err := json.Unmarshal([]byte(e.Data), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// text joins the deltas of a kind.
func text(t *testing.T, events []told, kind string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		var piece struct{ Delta string }
		if e.Event == kind {
			if err := json.Unmarshal([]byte(e.Data), &piece); err != nil {
				t.Fatal(err)
			}
			b.WriteString(piece.Delta)
		}
	}
	return b.String()
}

// stream reads the events of an answer.
type stream struct {
	t    *testing.T
	in   *bufio.Scanner
	stop func()
}

func (k talk) stream(m sallyport.MessageID, after int64) stream {
	k.Helper()
	ctx, cancel := context.WithCancel(k.Context())
	r := k.h.Request(ctx, k, k.who.Key, http.MethodGet, "/api/v1"+k.at(m, fmt.Sprintf("/events?after=%d", after)), "")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		k.Fatal(err)
	}
	stop := func() { cancel(); resp.Body.Close() }
	k.Cleanup(stop)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(resp.Body)
		k.Fatalf("events: %d %s", resp.StatusCode, text)
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 8<<20)
	return stream{k.T, in, stop}
}

// next returns the next event; false at the end of the stream.
func (s stream) next() (e told, more bool) {
	s.t.Helper()
	for s.in.Scan() {
		name, value, _ := strings.Cut(s.in.Text(), ": ")
		switch name {
		case "id":
			if _, err := fmt.Sscan(value, &e.Seq); err != nil {
				s.t.Fatalf("the id %q: %v", value, err)
			}
		case "event":
			e.Event = value
		case "data":
			e.Data = value
		case "":
			if e.Event != "" {
				return e, true
			}
		}
	}
	return e, false
}

// rest reads all that is left.
func (s stream) rest() (events []told) {
	s.t.Helper()
	for e, more := s.next(); more; e, more = s.next() {
		events = append(events, e)
	}
	if len(events) == 0 {
		s.t.Fatal("there are no events")
	}
	return events
}

// end waits for the end of an answer.
func (k talk) end(m sallyport.MessageID) chat.Message {
	k.Helper()
	events := k.stream(m, 0).rest()
	return events[len(events)-1].message(k.T)
}

func TestConversation(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	h.Fake.Queue(providertest.Answer{Thinking: "Hm. ", Text: "Hello, world! – 日本"})
	mark := h.Mark(t, h.Home.ID)
	sent := k.say("", "  What is   this?\nTell me. ")
	if m := sent.Message; m.Role != sallyport.MessageUser || m.State != sallyport.MessageDone || m.Text != "  What is   this?\nTell me. " || m.Parent != "" {
		t.Errorf("the message is %+v", m)
	}
	if a := sent.Answer; a.Role != sallyport.MessageAssistant || a.Parent != sent.Message.ID || a.Model != servertest.Model || a.RequestID == "" {
		t.Errorf("the answer is %+v", a)
	}
	events := k.stream(sent.Answer.ID, 0).rest()
	final := events[len(events)-1].message(t)
	if got := text(t, events, chat.TextEvent); got != final.Text || final.Text != "Hello, world! – 日本" || final.State != sallyport.MessageDone {
		t.Errorf("the events say %q, the answer is %+v", got, final)
	}
	if got := text(t, events, chat.ReasoningEvent); got != final.Reasoning || got != "Hm. " {
		t.Errorf("the events think %q, the answer %q", got, final.Reasoning)
	}
	records := h.Records(t, h.Home.ID, mark)
	if len(records) < 3 || records[0].Action != "conversations.send" {
		t.Fatalf("the records are %+v", records)
	}
	var outcome sallyport.Record
	for _, r := range records {
		if r.Phase == sallyport.PhaseOutcome {
			outcome = r
		}
	}
	if outcome.Action != "messages.answer" || outcome.RequestID != final.RequestID || outcome.Cost.Charge != final.Credits || final.Credits == 0 ||
		final.Usage == nil || outcome.Tokens.Output != final.Usage.Output || outcome.Actor.User != h.Home.User.ID {
		t.Errorf("the outcome is %+v, the answer %+v", outcome, final)
	}
	c := k.get()
	if c.Title != "What is this? Tell me." || c.Leaf != final.ID || c.Model != servertest.Model {
		t.Errorf("the conversation is %+v", c)
	}

	h.Fake.Queue(providertest.Answer{Text: "Sure."})
	k.said(final.ID, "And more?")
	requests := h.Fake.Requests()
	last := string(requests[len(requests)-1].Body)
	for _, said := range []string{"What is   this?", "Hello, world! – 日本", "And more?"} {
		if !strings.Contains(last, said) {
			t.Errorf("the model was not shown %q: %s", said, last)
		}
	}
	if strings.Contains(last, "Hm. ") {
		t.Errorf("the model was shown its reasoning: %s", last)
	}
	if got := k.messages(""); len(got) != 4 || got[0].Text != sent.Message.Text || got[3].Text != "Sure." {
		t.Errorf("the path is %+v", got)
	}
}

// A reader that comes at any place of the answer, while it is written or after,
// joins to the same bytes.
func TestConversationFromEveryPlace(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	step := make(chan struct{})
	pieces := []string{"One ", "é", "日本 ", "\n\n", "🙂", " end "}
	h.Fake.Queue(providertest.Answer{
		Thinking: "Let me think. ", Pieces: pieces, Step: step,
		Tools: []providertest.ToolCall{{ID: "call_1", Name: "look", Arguments: `{"at": "the house"}`}, {ID: "call_2", Name: "go", Arguments: `{}`}},
	})
	sent := k.say("", "Begin")
	all := k.stream(sent.Answer.ID, 0)
	var seen []told
	read := func(until func(told) bool) {
		for {
			e, more := all.next()
			if !more {
				t.Fatalf("the stream ended after %+v", seen)
			}
			seen = append(seen, e)
			if until(e) {
				return
			}
		}
	}
	for _, piece := range pieces { // each is told before the next one comes
		step <- struct{}{}
		read(func(e told) bool {
			return e.Event == chat.TextEvent && strings.Contains(e.Data, strings.Trim(jsonText(piece), `"`))
		})
		live := k.stream(sent.Answer.ID, 0)
		if e, _ := live.next(); e.Event != chat.ReasoningEvent {
			t.Errorf("a second reader begins with %+v", e)
		}
		live.stop() // which stops nothing
	}
	close(step)
	read(func(e told) bool { return e.Event == chat.MessageEvent })
	final := seen[len(seen)-1].message(t)
	if final.State != sallyport.MessageDone || final.Text != strings.Join(pieces, "") || len(final.ToolCalls) != 2 ||
		final.ToolCalls[0] != (chat.ToolCall{ID: "call_1", Name: "look", Arguments: `{"at": "the house"}`, State: chat.ToolCalled}) {
		t.Fatalf("the answer is %+v", final)
	}
	for after := range seen[len(seen)-1].Seq + 3 {
		events := k.stream(sent.Answer.ID, after).rest()
		before := func(kind string) string { // what somebody has who read to that place
			var kept []told
			for _, e := range seen {
				if e.Seq <= after {
					kept = append(kept, e)
				}
			}
			return text(t, kept, kind)
		}
		boundary := after == 0
		for _, e := range seen {
			boundary = boundary || e.Seq == after
		}
		last := events[len(events)-1].message(t)
		if last.Text != final.Text || last.ID != final.ID {
			t.Errorf("from %d: the message is %+v", after, last)
		}
		if !boundary {
			continue // nobody was told of that place
		}
		for kind, want := range map[string]string{chat.TextEvent: final.Text, chat.ReasoningEvent: final.Reasoning} {
			if got := before(kind) + text(t, events, kind); got != want {
				t.Errorf("joined at %d: got %q, want %q", after, got, want)
			}
		}
	}
}

func jsonText(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// Stop ends the upstream request, keeps the text, and the call is settled.
func TestConversationStopped(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	k := newTalk(t, h, h.Home.User)
	h.Fake.Queue(providertest.Answer{Pieces: []string{"Some ", "text ", "more"}, Fault: providertest.Stall, After: 2})
	sent := k.say("", "Begin")
	reader := k.stream(sent.Answer.ID, 0)
	for got := ""; got != "Some text "; {
		e, more := reader.next()
		if !more {
			t.Fatal("the stream ended")
		}
		got += text(t, []told{e}, chat.TextEvent)
	}
	mark := h.Mark(t, h.Home.ID)
	stopped := ask[chat.Message](k, http.MethodPost, k.at(sent.Answer.ID, "/stop"), nil, http.StatusOK)
	if stopped.State != sallyport.MessageStopped || stopped.Text != "Some text " || stopped.Error != nil || stopped.Credits == 0 {
		t.Errorf("the answer is %+v", stopped)
	}
	h.Fake.Requests()[0].WaitGone(t)
	events := reader.rest()
	if last := events[len(events)-1].message(t); last.State != sallyport.MessageStopped {
		t.Errorf("the other reader was told %+v", last)
	}
	records := h.Records(t, h.Home.ID, mark)
	if len(records) != 2 || records[0].Action != "conversations.stop" || records[1].Outcome != sallyport.OutcomeClientLeft || records[1].Cost.Charge != stopped.Credits {
		t.Errorf("the records are %+v", records)
	}
	if _, held := h.Balance(t, h.Home.ID); held != 0 {
		t.Errorf("%s are held", held)
	}
	again := ask[chat.Message](k, http.MethodPost, k.at(sent.Answer.ID, "/stop"), nil, http.StatusOK)
	if again.State != sallyport.MessageStopped {
		t.Errorf("stopped again: %+v", again)
	}

	h.Fake.Queue(providertest.Answer{Text: "and the rest."})
	on := ask[chat.Sent](k, http.MethodPost, k.at(sent.Answer.ID, "/continue"), nil, http.StatusAccepted)
	if got := k.end(on.Answer.ID); got.State != sallyport.MessageDone || got.Text != "and the rest." || !got.Continues || got.Parent != sent.Answer.ID {
		t.Errorf("it goes on with %+v", got)
	}
	h.Fake.Queue(providertest.Answer{Text: "Fine."})
	k.said(on.Answer.ID, "Next")
	if last := string(h.Fake.Requests()[2].Body); !strings.Contains(last, "Some text and the rest.") {
		t.Errorf("the model is not shown one answer: %s", last)
	}
	if a := k.call(http.MethodPost, k.at(on.Answer.ID, "/continue"), nil); a.Status != http.StatusConflict {
		t.Errorf("an answer that is done is continued: %d %s", a.Status, a.Body)
	}
}
