package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport/internal/dial"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// answerMax bounds what is read of a receiver's answer.
const answerMax = 64 << 10

// httpTime bounds one request.
const httpTime = 30 * time.Second

// trusted is the TLS of a sink: certificates are always checked.
func trusted(ca string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("ca: there is no certificate in the file")
	}
	return cfg, nil
}

// newClient goes where the operator said, and nowhere else.
func newClient(ca string) (*http.Client, error) {
	checked, err := trusted(ca)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: httpTime,
		Transport: &http.Transport{
			DialContext: dial.New(dial.Options{AllowPrivate: true}).DialContext, TLSClientConfig: checked,
			TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// post sends a body and returns the beginning of the answer, unless that is no 2xx.
func post(client *http.Client, r *http.Request) ([]byte, error) {
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return nil, &refusedError{answer.StatusCode}
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("the receiver answered %d", answer.StatusCode)
	}
	return text, err
}

// webhook posts lines. The signature is HMAC-SHA256 over timestamp, a dot and
// the body, so that neither can be changed nor an old one sent again later.
type webhook struct {
	client *http.Client
	url    string
	kind   string
	secret secret.Text
	encode encoder
	now    func() time.Time
}

func newWebhook(c Config, encode encoder, now func() time.Time) (*webhook, error) {
	client, err := newClient(c.CA)
	kind := "application/x-ndjson"
	if c.Format == CEF {
		kind = "text/plain; charset=utf-8"
	}
	return &webhook{client, c.URL, kind, c.Secret, encode, now}, err
}

func (w *webhook) send(ctx context.Context, batch []Item) error {
	var body []byte
	for _, item := range batch {
		for _, e := range w.encode(item) {
			body = append(append(body, e.text...), '\n')
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(w.now().Unix(), 10)
	r.Header.Set("Content-Type", w.kind)
	r.Header.Set("X-Sallyport-Timestamp", at)
	r.Header.Set("X-Sallyport-Signature", "sha256="+Signature(w.secret, at, body))
	_, err = post(w.client, r)
	return err
}

// Signature is what a webhook's receiver computes itself and compares: the hex
// HMAC-SHA256 of the timestamp's text, a dot and the body.
func Signature(key secret.Text, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// splunk sends events to the HTTP Event Collector. Where acknowledgement is on,
// a batch counts when it is indexed, and not when it was received.
type splunk struct {
	client      *http.Client
	events, ack string
	channel     string
	token       secret.Text
	text        bool // events are texts, not objects
	encode      encoder
	wait        func(ctx context.Context, d time.Duration)
}

// The asking for an acknowledgement: so often, so far apart.
const (
	ackTries = 30
	ackPause = time.Second
)

func newSplunk(c Config, encode encoder, o Options) (*splunk, error) {
	client, err := newClient(c.CA)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("url: it cannot be read")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/services/collector/event"
	}
	s := &splunk{
		client: client, events: u.String(), channel: uuid.NewString(),
		token: c.Secret, text: c.Format == CEF, encode: encode, wait: o.Wait,
	}
	u.Path, u.RawQuery = "/services/collector/ack", "channel="+s.channel
	s.ack = u.String()
	return s, nil
}

func (s *splunk) send(ctx context.Context, batch []Item) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	for _, item := range batch {
		at := item.Record.Time.UnixMicro()
		for _, e := range s.encode(item) {
			var told any = json.RawMessage(e.text)
			if s.text {
				told = string(e.text)
			}
			err := enc.Encode(map[string]any{
				"time": json.RawMessage(fmt.Sprintf("%d.%06d", at/1e6, max(at%1e6, 0))), "host": or(item.Record.Node, "sallyport"),
				"source": "sallyport", "sourcetype": "sallyport:audit", "event": told,
			})
			if err != nil {
				return err
			}
		}
	}
	answer, err := s.post(ctx, s.events, &body)
	if err != nil {
		return err
	}
	var taken struct {
		Ack *int64 `json:"ackId"`
	}
	if json.Unmarshal(answer, &taken) != nil || taken.Ack == nil {
		return nil
	}
	return s.acknowledged(ctx, *taken.Ack)
}

func (s *splunk) post(ctx context.Context, to string, body io.Reader) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Splunk "+s.token.Reveal())
	r.Header.Set("X-Splunk-Request-Channel", s.channel)
	r.Header.Set("Content-Type", "application/json")
	return post(s.client, r)
}

// acknowledged waits until Splunk has indexed a batch.
func (s *splunk) acknowledged(ctx context.Context, id int64) error {
	for range ackTries {
		answer, err := s.post(ctx, s.ack, strings.NewReader(fmt.Sprintf(`{"acks":[%d]}`, id)))
		if err != nil {
			return err
		}
		var state struct{ Acks map[string]bool }
		if json.Unmarshal(answer, &state) == nil && state.Acks[strconv.FormatInt(id, 10)] {
			return nil
		}
		if s.wait(ctx, ackPause); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.New("the receiver took the records and did not acknowledge them")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
