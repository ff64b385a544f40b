package sink

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// A receiver whose certificate is not the right one gets nothing, not even the
// secret, and nothing is left out: with the right certificate it gets all.
func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	receiver.Config.ErrorLog = quiet
	receiver.StartTLS()
	defer receiver.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1) // the certificate is of the address and of example.com
	for _, kind := range []string{Webhook, Splunk, Syslog} {
		for name, c := range map[string]Config{
			"by nobody known": {Type: kind, URL: receiver.URL, Secret: "hush"},
			"another name":    {Type: kind, URL: other, Secret: "hush", CA: ca},
		} {
			if kind == Syslog {
				c.URL = strings.Replace(c.URL, "https", "tls", 1)
			}
			h := newHouse(t, 3)
			f := h.follower(t, c)
			if d := f.turn(t.Context()); d != backoffFirst || h.lag(t) != 3 || heard.Load() != 0 {
				t.Errorf("%s, a certificate of %s: waits %v with %d records left, and %d requests were heard", kind, name, d, h.lag(t), heard.Load())
			}
			states, err := h.db.SinkStates(t.Context())
			if err != nil || len(states) != 1 || !strings.Contains(states[0].Error, "certificate") {
				t.Errorf("%s, a certificate of %s: state is %+v %v", kind, name, states, err)
			}
		}
	}
	h := newHouse(t, 3)
	h.drain(t, h.follower(t, Config{Type: Webhook, URL: receiver.URL, Secret: "hush", CA: ca}))
	if heard.Load() != 1 {
		t.Errorf("with the right certificate %d requests were heard, want one", heard.Load())
	}
}
