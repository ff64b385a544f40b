package provider

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Vectors of AWS's test suite for Signature Version 4, by their names there, with the key and time that all of it have
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-test-suite.html).
func TestSigV4Vectors(t *testing.T) {
	t.Parallel()
	s := sigV4{
		service: "service", region: "us-east-1",
		key: aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
		now: func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) },
	}
	for name, row := range map[string]struct{ method, path, signature string }{
		"get-vanilla":                      {"GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"post-vanilla":                     {"POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"get-vanilla-query-order-key-case": {"GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(row.method, "https://example.amazonaws.com"+row.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.sign(r, nil); err != nil {
				t.Fatal(err)
			}
			want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + row.signature
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// converseStub answers as Converse does when the signature of what arrived is that of
// its key; it signs again what it got, by the headers that were signed.
type converseStub struct {
	key    aws.Credentials
	region string
	uri    string
	got    http.Header
	told   string
}

func (s *converseStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.uri, s.got = r.URL.RequestURI(), r.Header.Clone()
	body, _ := io.ReadAll(r.Body)
	again, _ := http.NewRequest(r.Method, "http://"+r.Host+s.uri, nil)
	_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for name := range strings.SplitSeq(signed, ";") {
		if value := r.Header.Get(name); value != "" {
			again.Header.Set(name, value)
		}
	}
	again.ContentLength = r.ContentLength
	at, _ := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	check := sigV4{service: "bedrock", region: s.region, key: s.key, now: func() time.Time { return at }}
	if _, err := check.sign(again, body); err != nil || again.Header.Get("Authorization") != r.Header.Get("Authorization") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, s.told)
}

const converseAnswer = `{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1}}`

func TestBedrockSigns(t *testing.T) {
	t.Parallel()
	stub := &converseStub{key: aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "se/cret+", SessionToken: "to/ken=="}, region: "eu-west-1", told: converseAnswer}
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{Name: "b", Type: "bedrock", BaseURL: server.URL, Region: "eu-west-1", APIKey: "AKID:se/cret+:to/ken==", AllowPrivate: true,
		Headers: map[string]string{"X-Team": "platform"}})
	if err != nil {
		t.Fatal(err)
	}
	for target, uri := range map[string]string{
		"anthropic.claude-v1:0":                           "/model/anthropic.claude-v1%3A0/converse",
		"arn:aws:bedrock:eu-west-1:1:inference-profile/x": "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/converse",
	} {
		if _, err := p.Do(t.Context(), target, greeting(t, false), ignore); err != nil || stub.uri != uri {
			t.Errorf("%s: %v at %s", target, err, stub.uri)
		}
	}
	if stub.got.Get("X-Amz-Security-Token") != "to/ken==" || strings.Contains(fmt.Sprint(stub.got), "se/cret") {
		t.Errorf("sent %v", stub.got)
	}
	stub.told = `{"modelSummaries":[{"modelId":"anthropic.claude-v1:0"}]}`
	found := p.(prober).probe(t.Context())
	if found.Failure != "" || fmt.Sprint(targets(found)) != "[anthropic.claude-v1:0]" || stub.uri != "/foundation-models" {
		t.Errorf("probe: got %+v of %s", found, stub.uri)
	}
	stub.key.SecretAccessKey = "another"
	if found := p.(prober).probe(t.Context()); found.Failure != Unauthorized {
		t.Errorf("probe with another key: got %+v", found)
	}
}

// A Bedrock API key is a bearer token.
func TestBedrockBearer(t *testing.T) {
	t.Parallel()
	stub := &anthropicStub{status: 200, contentType: "application/json", body: converseAnswer}
	server := httptest.NewServer(stub)
	t.Cleanup(server.Close)
	p, err := New(Config{Name: "b", Type: "bedrock", BaseURL: server.URL, APIKey: "ABSKkey", AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Do(t.Context(), "m", greeting(t, false), ignore); err != nil || stub.got.Get("Authorization") != "Bearer ABSKkey" || stub.got.Get("X-Amz-Date") != "" {
		t.Errorf("got %v, sent %v", err, stub.got)
	}
}

func TestBedrockConfig(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		cfg                 Config
		base, region, lists string
		says                string
	}{
		"region":     {Config{APIKey: "a:b", Region: "eu-west-1"}, "https://bedrock-runtime.eu-west-1.amazonaws.com/", "eu-west-1", "https://bedrock.eu-west-1.amazonaws.com/", ""},
		"address":    {Config{APIKey: "a:b:", BaseURL: "https://bedrock-runtime-fips.us-east-1.amazonaws.com"}, "https://bedrock-runtime-fips.us-east-1.amazonaws.com/", "us-east-1", "https://bedrock-fips.us-east-1.amazonaws.com/", ""},
		"VPC":        {Config{APIKey: "a:b:c", BaseURL: "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"}, "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/", "us-east-1", "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/", ""},
		"bearer":     {Config{APIKey: "ABSKkey", BaseURL: "https://b.example"}, "https://b.example/", "", "https://b.example/", ""},
		"none":       {Config{APIKey: "ABSKkey"}, "", "", "", "region is missing"},
		"no region":  {Config{APIKey: "a:b", BaseURL: "https://b.example"}, "", "", "", "region is missing"},
		"no secret":  {Config{APIKey: "hunter2:", Region: "eu-west-1"}, "", "", "", "an access key is"},
		"too much":   {Config{APIKey: "a:b:c:hunter2", Region: "eu-west-1"}, "", "", "", "an access key is"},
		"line break": {Config{APIKey: "a:b:hunter2\n", Region: "eu-west-1"}, "", "", "", "line break"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.cfg.Name, row.cfg.Type = "b", "bedrock"
			p, err := New(row.cfg)
			if row.says != "" {
				if err == nil || !strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %v, want %s", err, row.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b := p.(*bedrock)
			if b.client.base.String() != row.base || b.lists.base.String() != row.lists || regionOf(row.base) != row.region {
				t.Errorf("got %s and %s", b.client.base, b.lists.base)
			}
		})
	}
	if got := regionOf("https://bedrock-runtime.us-gov-west-1.amazonaws.com"); got != "us-gov-west-1" {
		t.Errorf("region is %q", got)
	}
}
