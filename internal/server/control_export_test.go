package server_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

func TestExportRecords(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	// A client chose what a spreadsheet would run.
	h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(false, "hello", ""), servertest.Model, "+1-model", 1))
	for range 3 {
		h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
	}
	h.Call(t, h.Other.Admin.Key, http.MethodGet, "/v1/models", "")
	get := func(query string) servertest.Answer {
		t.Helper()
		return h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/audit/records/export?"+query, "")
	}
	rows, err := csv.NewReader(strings.NewReader(get("format=csv").Body)).ReadAll()
	if err != nil || len(rows) < 5 || rows[0][0] != "seq" {
		t.Fatalf("%d rows, %v: %q", len(rows), err, rows)
	}
	if whole := get("format=csv").Body; strings.Contains(whole, ",+1-model") || !strings.Contains(whole, ",'+1-model") {
		t.Errorf("the formula is not made harmless: %s", whole)
	}
	lines := get("format=jsonl&route=GET%20/v1/models").Body
	if n := strings.Count(lines, "\n"); n != 3 || strings.Contains(lines, string(h.Other.ID)) {
		t.Errorf("%d lines, want the 3 of this organisation: %s", n, lines)
	}
	actor := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/api/v1/audit/records?route=GET%20/v1/models&actor=nobody", "")
	if actor.Status != http.StatusOK || !strings.Contains(actor.Body, `"records":[]`) {
		t.Errorf("records of nobody: %d %s", actor.Status, actor.Body)
	}
	if a := get("format=xlsx"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown format: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/api/v1/audit/records/export", ""); a.Status != http.StatusForbidden {
		t.Errorf("a member: %d %s", a.Status, a.Body)
	}
	// Who looked is in the trail too.
	if own := get("format=jsonl&action=audit.export").Body; !strings.Contains(own, `"action":"audit.export"`) {
		t.Errorf("the exports are not recorded: %s", own)
	}
}

// An administrator sees how far a sink is behind their own trail, and nothing of
// the operator's or of others.
func TestSinks(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	if err := h.DB.AdvanceSink(t.Context(), servertest.Sink, h.Other.ID, 0, h.Mark(t, h.Other.ID), h.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	waiting := h.Mark(t, h.Home.ID)
	h.Clock.Advance(time.Hour)
	ask := func(key string) string {
		t.Helper()
		a := h.Call(t, key, http.MethodGet, "/api/v1/audit/sinks", "")
		if a.Status != http.StatusOK || strings.Contains(a.Body, "10.0.0.1") {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		return strings.TrimSpace(a.Body)
	}
	var told []struct {
		Name, Scope, Error string
		ManagedBy          string `json:"managed_by"`
		Waiting            int64
		Behind             int64      `json:"behind_seconds"`
		Delivered          *time.Time `json:"delivered_at"`
		Failures           int
	}
	if err := json.Unmarshal([]byte(ask(h.Home.Admin.Key)), &told); err != nil || len(told) != 2 {
		t.Fatalf("%+v %v", told, err)
	}
	if k := told[0]; k.Name != "siem" || k.Waiting != waiting || k.Behind != 3600 || k.Delivered != nil || k.Failures != 3 ||
		k.Error != "" || k.Scope != "instance" || k.ManagedBy != "file" {
		t.Errorf("the sink of all trails is %+v", k)
	}
	if k := told[1]; k.Error != "disk full" || k.Scope != "organisation" {
		t.Errorf("the sink of this organisation is %+v", k)
	}
	if got := ask(h.Other.Admin.Key); !strings.Contains(got, `"waiting":0,"behind_seconds":0,"delivered_at":"20`) {
		t.Errorf("the other organisation: %s", got)
	}
}

// A test of a sink is a record of its own, which is sent at once.
func TestSinkIsTried(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	try := func(name string) servertest.Answer {
		t.Helper()
		return h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/audit/sinks/"+name+"/test", "")
	}
	type tried struct {
		Delivered bool
		Seq       int64
		Error     string
	}
	if v := as[tried](t, try(servertest.Sink)); !v.Delivered || v.Seq != h.Mark(t, h.Home.ID) || v.Error != "" {
		t.Errorf("got %+v", v)
	}
	if v := as[tried](t, try(servertest.OwnSink)); v.Delivered || v.Error != "disk full" {
		t.Errorf("got %+v", v)
	}
	if a := try("none"); a.Status != http.StatusNotFound {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
