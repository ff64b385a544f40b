package server_test

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

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
