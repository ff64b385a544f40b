package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sallyport-ai/sallyport/internal/dialect/converse"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// bedrock is AWS Bedrock, asked by Converse.
type bedrock struct {
	client *client
	// lists asks for the list of models, at an address of its own.
	lists *client
}

var _ Provider = (*bedrock)(nil)

// bedrockHost is a host of the API, which has its region in it; also one of FIPS and
// those of VPC endpoints.
var bedrockHost = regexp.MustCompile(`(?:^|\.)bedrock-runtime(-fips)?\.([a-z0-9-]+)\.`)

// newBedrock takes as credential a Bedrock API key, which is a bearer token, or an
// access key with which each request is signed.
func newBedrock(cfg Config) (*bedrock, error) {
	key, err := accessKeyOf(cfg.APIKey.Reveal())
	if err != nil {
		return nil, fmt.Errorf("provider %q: api_key: %w", cfg.Name, err)
	}
	if cfg.BaseURL == "" && cfg.Region != "" {
		cfg.BaseURL = "https://bedrock-runtime." + cfg.Region + ".amazonaws.com"
	}
	if cfg.Region == "" {
		cfg.Region = regionOf(cfg.BaseURL)
	}
	if cfg.BaseURL == "" || key != nil && cfg.Region == "" {
		return nil, fmt.Errorf("provider %q: region is missing", cfg.Name)
	}
	if key != nil {
		cfg.APIKey = "" // it signs, and goes nowhere
	}
	p := new(bedrock)
	if p.client, err = newBedrockClient(cfg, key); err != nil {
		return nil, err
	}
	cfg.BaseURL = strings.Replace(cfg.BaseURL, "://bedrock-runtime", "://bedrock", 1)
	p.lists, err = newBedrockClient(cfg, key)
	return p, err
}

func newBedrockClient(cfg Config, key *aws.Credentials) (*client, error) {
	c, err := newClient(cfg, credential(cfg, "Authorization"), func(*url.URL) string { return "/model" })
	if err != nil || key == nil {
		return c, err
	}
	for _, secret := range []string{key.SecretAccessKey, key.SessionToken} {
		if len(secret) >= secretMin {
			c.secrets = append(c.secrets, []byte(secret))
		}
	}
	c.authorize = sigV4{service: "bedrock", region: cfg.Region, key: *key, now: time.Now}.sign
	return c, nil
}

func regionOf(baseURL string) string {
	base, err := url.Parse(baseURL)
	if err != nil {
		return ""
	}
	if found := bedrockHost.FindStringSubmatch(base.Hostname()); found != nil {
		return found[2]
	}
	return ""
}

// accessKeyOf reads "id:secret" or "id:secret:session token"; nil for what has no
// colon. Its errors quote nothing.
func accessKeyOf(credential string) (*aws.Credentials, error) {
	parts := strings.Split(strings.TrimSuffix(credential, ":"), ":")
	switch {
	case len(parts) == 1 && !strings.HasSuffix(credential, ":"):
		return nil, nil
	case len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "":
		return nil, errors.New("an access key is its id, its secret and, if it is temporary, its session token, with colons between")
	}
	key := &aws.Credentials{AccessKeyID: parts[0], SecretAccessKey: parts[1]}
	if len(parts) == 3 {
		key.SessionToken = parts[2]
	}
	if strings.ContainsAny(credential, "\r\n\x00") {
		return nil, errors.New("it holds a line break")
	}
	return key, nil
}

// sigV4 signs requests as AWS demands (Signature Version 4).
type sigV4 struct {
	service string
	region  string
	key     aws.Credentials
	now     func() time.Time
}

func (s sigV4) sign(r *http.Request, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	return "", v4.NewSigner().SignHTTP(r.Context(), s.key, r, hex.EncodeToString(sum[:]), s.service, s.region, s.now())
}

// Do asks for a message.
func (p *bedrock) Do(ctx context.Context, target string, req *llm.Request, out llm.Sink) (llm.Receipt, error) {
	body, err := converse.Encode(req, target)
	if err != nil {
		return llm.Receipt{}, err
	}
	// A model may be named by an ARN, with slashes and colons.
	path := "/model/" + strings.ReplaceAll(url.PathEscape(target), ":", "%3A")
	o := outgoing{path: path + "/converse", body: body, stream: req.Stream}
	if req.Stream {
		o.path, o.events = path+"/converse-stream", readMessages
		o.headers = map[string]string{"Accept": "application/vnd.amazon.eventstream"}
	}
	return p.client.ask(ctx, llm.Converse, o, &converseReader{model: target}, out)
}

// probe asks for the models that the region has. What an account may use of them, the
// list does not tell.
func (p *bedrock) probe(ctx context.Context) Probe {
	return p.lists.probe(ctx, "/foundation-models", "")
}

var _ prober = (*bedrock)(nil)

// converseReader reads one answer of the converse dialect.
type converseReader struct {
	decoder converse.Decoder
	model   string // which this API does not tell; signatures are of it
}

var _ ender = (*converseReader)(nil)

func (r *converseReader) whole(doc *llm.Document, e *llm.Event) error {
	err := converse.DecodeWhole(doc, e)
	e.Model = r.model
	return err
}

func (r *converseReader) event(name string, data []byte, doc *llm.Document, e *llm.Event) error {
	if err := parseEvent(data, doc); err != nil {
		return err
	}
	err := r.decoder.DecodeEvent(name, doc, e)
	e.Model = r.model
	return err
}

func (r *converseReader) complete() bool { return r.decoder.Complete() }
