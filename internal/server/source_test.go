package server_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Where a call came from is what the connection says, or what a proxy says that
// the operator listed: anyone can write the header.
func TestSource(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct {
		name      string
		proxies   []netip.Prefix
		forwarded []string
		want      string
	}{
		{"no header", loopback, nil, "127.0.0.1"},
		{"nobody is trusted", nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{"one proxy", loopback, []string{"203.0.113.9"}, "203.0.113.9"},
		{"two proxies", loopback, []string{"203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"what the client wrote itself", loopback, []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		{"garbage", loopback, []string{"nonsense"}, "127.0.0.1"},
		{"an address of IPv6", loopback, []string{"2001:db8::7"}, "2001:db8::7"},
		{"two headers", loopback, []string{"1.2.3.4", "203.0.113.9"}, "203.0.113.9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{TrustedProxies: tt.proxies})
			mark := h.Mark(t, h.Home.ID)
			r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodGet, "/v1/models", "")
			r.Header["X-Forwarded-For"] = tt.forwarded
			agent := "agent/1 " + strings.Repeat("é", 300)
			r.Header.Set("User-Agent", agent)
			h.Send(t, r)
			stored, err := h.DB.Records(t.Context(), h.Home.ID, mark, 10)
			if err != nil || len(stored) != 1 {
				t.Fatalf("got %d records: %v", len(stored), err)
			}
			if got := stored[0].Source; got.IP != tt.want || !strings.HasPrefix(agent, got.UserAgent) || len(got.UserAgent) < 200 || len(got.UserAgent) > 256 {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// Strangers can make the instance's trail grow only so fast; what is not
// written is counted.
func TestFloodOfStrangers(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	const burst, more = 500, 30
	for range burst + more {
		if a := h.Call(t, "", http.MethodGet, "/v1/models", ""); a.Status != http.StatusUnauthorized {
			t.Fatalf("got %d", a.Status)
		}
	}
	if n := len(h.Records(t, sallyport.InstanceOrg, 0)); n != burst {
		t.Errorf("there are %d records, want %d", n, burst)
	}
	h.Clock.Advance(time.Second)
	mark := h.Mark(t, sallyport.InstanceOrg)
	h.Call(t, "", http.MethodGet, "/v1/models", "")
	if records := h.Records(t, sallyport.InstanceOrg, mark); len(records) != 1 || records[0].Suppressed != more {
		t.Errorf("got %+v, want one record that tells of %d more", records, more)
	}
}

// A body of the control plane has a bound of its own, and its refusal is told of.
func TestControlBodyTooLarge(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	mark := h.Mark(t, h.Home.ID)
	body := `{"text":"` + strings.Repeat("x", 5<<20) + `"}`
	a := h.Call(t, h.Home.User.Key, http.MethodPost, "/api/v1/dlp/scan", body)
	if a.Status != http.StatusRequestEntityTooLarge || strings.Contains(a.Body, "xxx") {
		t.Errorf("got %d %.200s", a.Status, a.Body)
	}
	wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.BodyTooLarge, http.StatusRequestEntityTooLarge)
}
