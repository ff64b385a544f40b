package server_test

import (
	"net/http"
	"testing"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

func TestProbe(t *testing.T) {
	h := servertest.New(t, servertest.Options{})
	for _, amount := range []string{"9223372036854", "9223372036854", "-9223372036854.775808", "9223372036854.775807", "-99999999", "0", "-0", "1e3", "", ".", "-", " 1", "+1", "0x1", "1.0000001"} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/credits/grants", `{"amount":"`+amount+`"}`)
		t.Log(amount, a.Status, a.Body, len(h.Records(t, h.Home.ID, mark)))
	}
	b, held := h.Balance(t, h.Home.ID)
	t.Log(b, held)
	setPolicy(t, h, func(p *dlp.Policy) { p.Out = map[string]dlp.Action{"secret": dlp.Block} })
	h.Fake.Queue(providertest.Answer{Status: 400, Body: `{"error":"`+awsKey+`"}`})
	mark := h.Mark(t, h.Home.ID)
	a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
	r := h.Records(t, h.Home.ID, mark)
	t.Logf("%d %s %+v %+v", a.Status, a.Body, r[1].Outcome, r[1].Cost)
	// concurrency of control types
	for _, accept := range []string{"application/xml", "application/cbor", "text/html", "*/*"} {
		req := h.Request(t.Context(), t, h.Home.Admin.Key, "POST", "/api/v1/keys", `{"name":"x"}`)
		req.Header.Set("Accept", accept)
		mark := h.Mark(t, h.Home.ID)
		a := h.Send(t, req)
		t.Log(accept, a.Status, a.Header.Get("Content-Type"), len(a.Body), len(h.Records(t, h.Home.ID, mark)))
	}
	for _, ct := range []string{"application/xml", "application/cbor", "", "text/plain"} {
		req := h.Request(t.Context(), t, h.Home.Admin.Key, "POST", "/api/v1/keys", `{"name":"x"}`)
		req.Header.Set("Content-Type", ct)
		mark := h.Mark(t, h.Home.ID)
		a := h.Send(t, req)
		t.Log("ct", ct, a.Status, a.Body, len(h.Records(t, h.Home.ID, mark)))
	}
	for _, q := range []string{"/v1/models/", "/v1/models/%2e%2e", "/v1//models", "/v1/agents/../models", "/api/v1/audit/records?limit=0", "/api/v1/audit/records?limit=501", "/api/v1/audit/records?since=never", "/api/v1/audit/records?before=-1", "/api/v1/audit/records?before=x"} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, "GET", q, "")
		t.Log(q, a.Status, strings.TrimSpace(a.Body)[:min(120, len(strings.TrimSpace(a.Body)))], len(h.Records(t, h.Home.ID, mark)))
	}
	for _, m := range []string{"HEAD", "OPTIONS"} {
		mark := h.Mark(t, h.Home.ID)
		a := h.Call(t, h.Home.Admin.Key, m, "/v1/models", "")
		t.Log(m, a.Status, len(h.Records(t, h.Home.ID, mark)))
	}
}
