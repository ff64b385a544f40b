package provider

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dial"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// vertexAI is Google's Vertex AI: the same models and the same dialect as the Gemini
// API, in a project of Google Cloud.
type vertexAI struct {
	client *client
}

var _ Provider = (*vertexAI)(nil)

// newVertex takes as credential a bearer token, which somebody else keeps fresh, or
// the JSON of a service account's key, with which tokens are fetched. That key knows
// its project, so that a region is all that the address needs.
func newVertex(cfg Config) (*vertexAI, error) {
	account, err := serviceAccountOf(cfg.APIKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("provider %q: api_key: %w", cfg.Name, err)
	}
	if cfg.BaseURL == "" {
		if cfg.Region == "" || account == nil || account.Project == "" {
			return nil, fmt.Errorf("provider %q: base_url is missing; with the JSON of a service account's key a region is enough", cfg.Name)
		}
		cfg.BaseURL = vertexURL(account.Project, cfg.Region)
	}
	if account != nil {
		cfg.APIKey = "" // it goes nowhere but to the address that makes tokens of it
	}
	client, err := newClient(cfg, credential(cfg, "Authorization"), func(*url.URL) string { return "/models" })
	if err != nil || account == nil {
		return &vertexAI{client}, err
	}
	tokens, err := newTokens(cfg, *account)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %w", cfg.Name, err)
	}
	client.authorize = tokens.authorize
	return &vertexAI{client}, nil
}

// vertexURL is the address of Google's own models. The region global has a host
// without a name before it.
func vertexURL(project, region string) string {
	host := region + "-aiplatform.googleapis.com"
	if region == "global" {
		host = "aiplatform.googleapis.com"
	}
	return "https://" + host + "/v1/projects/" + url.PathEscape(project) + "/locations/" + url.PathEscape(region) + "/publishers/google"
}

// Do asks for content.
func (p *vertexAI) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	return askGemini(ctx, p.client, target, req, out)
}

// serviceAccount is the key of a service account, as Google gives it out.
type serviceAccount struct {
	Type         string `json:"type"`
	Project      string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	Email        string `json:"client_email"`
	TokenURL     string `json:"token_uri"`
}

// serviceAccountOf returns nil for what is no JSON: a bearer token. Its errors quote
// nothing.
func serviceAccountOf(credential string) (*serviceAccount, error) {
	if !strings.HasPrefix(strings.TrimSpace(credential), "{") {
		return nil, nil
	}
	var a serviceAccount
	if json.Unmarshal([]byte(credential), &a) != nil || a.Type != "service_account" || a.Email == "" || a.TokenURL == "" {
		return nil, errors.New("it is not the JSON of a service account's key")
	}
	block, _ := pem.Decode([]byte(a.PrivateKey))
	if block == nil {
		return nil, errors.New("its private_key is not PEM")
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		return nil, errors.New("its private_key cannot be read")
	}
	return &a, nil
}

// The bounds of tokens.
const (
	tokenScope = "https://www.googleapis.com/auth/cloud-platform"
	tokenFresh = 2 * time.Minute  // what a token must still be valid for
	tokenTime  = 10 * time.Second // to fetch one
)

// tokens fetches bearer tokens and keeps one while it is fresh. Who needs one while
// another call fetches it waits for that one, so that a burst asks once.
type tokens struct {
	config *jwt.Config
	http   *http.Client

	mu       sync.Mutex
	token    *oauth2.Token
	fetching *fetch // nil: nobody does
}

// fetch is one asking for a token; token and err are set before done is closed.
type fetch struct {
	done  chan struct{}
	token *oauth2.Token
	err   error
}

// newTokens goes out by the rules of cfg: the address stands in a file that somebody
// gave us.
func newTokens(cfg Config, account serviceAccount) (*tokens, error) {
	cfg = cfg.withDefaults()
	if !cfg.AllowPrivate {
		if err := dial.CheckURL(account.TokenURL, cfg.Private...); err != nil {
			return nil, fmt.Errorf("api_key: token_uri: %w", err)
		}
	}
	out := dial.New(dial.Options{AllowPrivate: cfg.AllowPrivate, Private: cfg.Private, Connect: cfg.Connect})
	return &tokens{
		config: &jwt.Config{
			Email: account.Email, PrivateKey: []byte(account.PrivateKey), PrivateKeyID: account.PrivateKeyID,
			Scopes: []string{tokenScope}, TokenURL: account.TokenURL,
		},
		http: &http.Client{
			Timeout: tokenTime,
			Transport: &http.Transport{
				DialContext: out.DialContext, TLSHandshakeTimeout: cfg.Connect,
				ForceAttemptHTTP2: true, IdleConnTimeout: idleConnTime, MaxResponseHeaderBytes: headersMax,
			},
			// A redirect could lead the assertion elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (t *tokens) authorize(r *http.Request, _ []byte) (string, error) {
	token, err := t.get(r.Context())
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	return token.AccessToken, nil
}

func (t *tokens) get(ctx context.Context) (*oauth2.Token, error) {
	t.mu.Lock()
	if t.token != nil && (t.token.Expiry.IsZero() || time.Until(t.token.Expiry) > tokenFresh) {
		defer t.mu.Unlock()
		return t.token, nil
	}
	f := t.fetching
	if f == nil {
		f = &fetch{done: make(chan struct{})}
		t.fetching = f
		go t.fetch(f) // ends within tokenTime; who asked first may leave before
	}
	t.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (t *tokens) fetch(f *fetch) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, t.http)
	f.token, f.err = t.config.TokenSource(ctx).Token()
	if f.err != nil {
		f.err = tokenFailure(f.err)
	} else if f.token.AccessToken == "" || strings.ContainsAny(f.token.AccessToken, "\r\n\x00") {
		f.err = sallyport.NewError(sallyport.UpstreamAuth, "The provider gave no token for the gateway's credential.")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fetching = nil; f.err == nil {
		t.token = f.token
	}
	close(f.done)
}

// tokenFailure keeps the words of who makes tokens out: they may quote what they got.
func tokenFailure(err error) error {
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		return wire.KeyRefused(fmt.Errorf("status %d for a token", refused.Response.StatusCode))
	case errors.As(err, &refused):
		return sallyport.WrapError(sallyport.UpstreamUnreachable, "The provider gives no token at present.",
			fmt.Errorf("status %d for a token", refused.Response.StatusCode))
	}
	return sallyport.WrapError(sallyport.UpstreamUnreachable, "The provider's address for tokens cannot be reached.", err)
}
