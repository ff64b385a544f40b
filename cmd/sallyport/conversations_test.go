package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// chatMessage is what this test reads of a message.
type chatMessage struct {
	ID      string
	State   string
	Text    string
	Credits int64
	Error   *struct{ Code string }
}

// TestConversationKilled kills the server in the middle of an answer that another
// one reads too. What was streamed is kept and marked as cut, it is never done,
// its price is that of the ledger, and it can be continued.
func TestConversationKilled(t *testing.T) {
	eachCluster(t, nodesConfig, func(t *testing.T, c *cluster) {
		reader := len(c.nodes) - 1
		id := talkTo[struct{ ID string }](c, 0, http.MethodPost, "", `{"model":"mock-large"}`, 200).ID
		c.fake.Queue(providertest.Answer{Pieces: []string{"Some ", "words ", "of ", "it ", "never"}, Fault: providertest.Stall, After: 4})
		sent := talkTo[struct{ Answer chatMessage }](c, 0, http.MethodPost, "/"+id+"/messages", `{"parent":"","text":"Hello"}`, 202)
		const streamed = "Some words of it "
		at := func(more string) string { return "/" + id + "/messages" + more }
		read := func(node int) chatMessage {
			t.Helper()
			page := talkTo[struct{ Messages []chatMessage }](c, node, http.MethodGet, at(""), "", 200)
			return page.Messages[len(page.Messages)-1]
		}
		// What a message says while it is written is what the database has.
		until(t, func() bool { return read(reader).Text == streamed })
		if m := read(reader); m.State != "streaming" {
			t.Errorf("before the kill: %+v", m)
		}
		c.nodes[0].kill()
		c.restart(0)
		until(t, func() bool { return read(reader).State != "streaming" })
		m := read(0)
		if m.State != "cut" || m.Text != streamed || m.Error == nil || m.Error.Code != string(sallyport.ServerStopping) {
			t.Errorf("after the kill: %+v", m)
		}
		entries, err := c.db.Ledger(t.Context(), c.account.OrgID, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if last := entries[len(entries)-1]; int64(-last.Amount) != m.Credits || m.Credits == 0 || !last.Estimated {
			t.Errorf("the ledger says %+v, the answer %d credits", last, m.Credits)
		}
		c.fake.Queue(providertest.Answer{Text: "and the rest"})
		on := talkTo[struct{ Answer chatMessage }](c, reader, http.MethodPost, at("/"+sent.Answer.ID+"/continue"), "", 202)
		until(t, func() bool { return read(0).State != "streaming" })
		if m := read(0); m.ID != on.Answer.ID || m.State != "done" || m.Text != "and the rest" {
			t.Errorf("it goes on with %+v", m)
		}
		c.stopAll()
		checkBooks(t, c.db, c.account.OrgID)
	})
}

// TestConversationStopsElsewhere stops an answer on another server than the one
// that writes it, and a server that is told to stop cuts what it writes.
func TestConversationStopsElsewhere(t *testing.T) {
	t.Parallel()
	c := openCluster(t, nodesConfig+"drain_time: 1s\n", 2)
	id := talkTo[struct{ ID string }](c, 0, http.MethodPost, "", `{"model":"mock-large"}`, 200).ID
	begin := func() string {
		c.fake.Queue(providertest.Answer{Pieces: []string{"Some ", "words ", "never"}, Fault: providertest.Stall, After: 2})
		return talkTo[struct{ Answer chatMessage }](c, 0, http.MethodPost, "/"+id+"/messages", `{"parent":"","text":"Hello"}`, 202).Answer.ID
	}
	last := func() chatMessage {
		page := talkTo[struct{ Messages []chatMessage }](c, 1, http.MethodGet, "/"+id+"/messages", "", 200)
		return page.Messages[len(page.Messages)-1]
	}
	answer := begin()
	until(t, func() bool { return last().Text == "Some words " })
	stopped := talkTo[chatMessage](c, 1, http.MethodPost, "/"+id+"/messages/"+answer+"/stop", "", 200)
	if stopped.State != "stopped" || stopped.Text != "Some words " {
		t.Errorf("stopped elsewhere: %+v", stopped)
	}
	c.fake.Wait(t, 1).WaitGone(t)
	begin()
	until(t, func() bool { return last().Text == "Some words " })
	c.stop(0)
	if m := last(); m.State != "cut" || m.Text != "Some words " {
		t.Errorf("its server was told to stop: %+v", m)
	}
	c.stop(1)
	checkBooks(t, c.db, c.account.OrgID)
}

// talkTo makes a call below /api/v1/conversations.
func talkTo[T any](c *cluster, node int, method, path, body string, status int) (v T) {
	c.t.Helper()
	got, answer, err := c.send(c.t.Context(), node, c.account.APIKey, method, "/api/v1/conversations"+path, body)
	if err == nil && got == status {
		err = json.Unmarshal(answer, &v)
	}
	if err != nil || got != status {
		c.t.Fatalf("%s %s: %d %s, %v; want %d", method, path, got, answer, err, status)
	}
	return v
}

// until waits until something is so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	for late := time.Now().Add(readyTime); !so(); time.Sleep(pollTime) {
		if time.Now().After(late) {
			t.Fatal("it does not become so")
		}
	}
}
