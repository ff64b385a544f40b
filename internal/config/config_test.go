package config

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// builtin knows one model of each type.
func builtin(providerType, name string) []sallyport.Model {
	switch providerType {
	case "anthropic":
		return []sallyport.Model{{ID: claudeID, DisplayName: "Claude Sonnet 4.5", Provider: name, Target: claudeID}}
	case "openai", "groq":
		return []sallyport.Model{{ID: providerType + "-model", Provider: name, Target: "t"}}
	}
	return nil
}

// load writes the file, if there is text, and loads it.
func load(t *testing.T, text string, environ ...string) (*Config, error) {
	t.Helper()
	src := Sources{Environ: environ, Builtin: builtin}
	if text != "" {
		src.File = filepath.Join(t.TempDir(), "sallyport.yaml")
		if err := os.WriteFile(src.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(t.Context(), src)
}

func mustLoad(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, err := load(t, text, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// models lists the catalogue as "id@provider", with "!" for the offline stand-in.
func models(c *Config) string {
	var ids []string
	for _, m := range c.Catalogue() {
		id := m.ID + "@" + m.Provider
		if m.Offline {
			id += "!"
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

const quickstartFile = `
providers:
  - {name: local, type: openai, base_url: "http://127.0.0.1:9800/v1", api_key: "${LOCAL_KEY}"}
models:
  - {id: mock-large, provider: local, target: gpt-4o-mini, price: {input: 2.5, output: 10}}
`

func TestLoadFile(t *testing.T) {
	c := mustLoad(t, quickstartFile, "LOCAL_KEY=s3cret")
	p := c.Providers[0]
	if p.Name != "local" || p.Type != "openai" || p.BaseURL != "http://127.0.0.1:9800/v1" || p.APIKey.Reveal() != "s3cret" {
		t.Errorf("provider is %+v with key %q", p, p.APIKey.Reveal())
	}
	want := sallyport.Model{
		ID: "mock-large", DisplayName: "mock-large", Provider: "local", Target: "gpt-4o-mini",
		Price: sallyport.Price{
			Input: 2_500_000, CachedInput: 2_500_000, CacheWrite: 3_125_000, Output: 10_000_000,
			Version: "file:in=2.5,cached=2.5,write=3.125,out=10",
		},
	}
	if got := c.Catalogue()[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("model is\n%+v, want\n%+v", got, want)
	}
	if got, want := models(c), "mock-large@local "+claudeID+"@offline!"; got != want {
		t.Errorf("catalogue is %s, want %s", got, want)
	}
	if c.Addr != "127.0.0.1:8080" || c.Durability != "strict" || c.Limits.Organisation.RequestsPerMinute != 600_000 || c.Limits.OnFailure != "refuse" ||
		sallyport.Credits(c.Credits.Starting) != 100*sallyport.Credit || c.Credits.HoldOutput != 4096 {
		t.Errorf("defaults are lost: %+v", c)
	}
}

func TestCatalogue(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		want       string
	}{
		{name: "nothing at all", want: "offline-1@offline! " + claudeID + "@offline!"},
		{name: "a file of comments", file: "# nothing\n", want: "offline-1@offline! " + claudeID + "@offline!"},
		{name: "an empty key is no key", environ: []string{"ANTHROPIC_API_KEY="}, want: "offline-1@offline! " + claudeID + "@offline!"},
		{name: "anthropic key", environ: []string{"ANTHROPIC_API_KEY=k"}, want: claudeID + "@anthropic"},
		{name: "openai key", environ: []string{"OPENAI_API_KEY=k"}, want: "openai-model@openai " + claudeID + "@offline!"},
		{name: "several keys", environ: []string{"GROQ_API_KEY=k", "OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k"},
			want: claudeID + "@anthropic openai-model@openai groq-model@groq"},
		{name: "keys are not looked at when the file names providers", file: "providers: [{name: g, type: groq}]",
			environ: []string{"ANTHROPIC_API_KEY=k"}, want: "groq-model@g " + claudeID + "@offline!"},
		{name: "the file's models replace the known ones",
			file: "providers: [{name: a, type: anthropic}]\nmodels: [{id: m, provider: a, price: {input: 0, output: 0}}]",
			want: "m@a " + claudeID + "@a"},
		{name: "the file's models on the environment's provider",
			file:    "models: [{id: m, provider: openai, price: {input: 1, output: 1}}]",
			environ: []string{"OPENAI_API_KEY=k"}, want: "m@openai " + claudeID + "@offline!"},
		{name: "the file defines the quickstart's model",
			file: "providers: [{name: a, type: openai}]\nmodels: [{id: " + claudeID + ", provider: a, price: {input: 0, output: 0}}]",
			want: claudeID + "@a"},
		{name: "a scripted provider",
			file: "providers: [{name: demo, type: offline}]", want: "offline-1@demo! " + claudeID + "@demo!"},
		{name: "a model of the offline provider",
			file: "models: [{id: m, provider: offline, price: {input: 0, output: 0}}]", environ: []string{"OPENAI_API_KEY=k"},
			want: "m@offline! " + claudeID + "@offline!"},
		{name: "another provider has the name offline",
			file: "providers: [{name: offline, type: openai}]", want: "openai-model@offline " + claudeID + "@offline-stand-in!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := models(mustLoad(t, c.file, c.environ...)); got != c.want {
				t.Errorf("catalogue is\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// What the file says of routing arrives in the catalogue, and is printed so that it can be read again.
func TestRoutingOfAModel(t *testing.T) {
	file := quickstartFile + "  - {id: m, provider: local, weight: 1, retries: 0, loose: true, price: {input: 1, output: 2}, fallbacks: [mock-large],\n" +
		"     routes: [{provider: local, target: t, weight: 2}, {provider: local, target: u, price: {input: 3, output: 4}}]}\n"
	c := mustLoad(t, file, "LOCAL_KEY=k")
	var printed strings.Builder
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	again := mustLoad(t, printed.String())
	for name, c := range map[string]*Config{"of the file": c, "as printed": again} {
		m := c.Catalogue()[1]
		if m.Retries == nil || *m.Retries != 0 || !m.Loose || m.Weight != 1 || !reflect.DeepEqual(m.Fallbacks, []string{"mock-large"}) {
			t.Errorf("%s: the model is %+v", name, m)
		}
		if len(m.Routes) != 2 || m.Routes[0].Weight != 2 || m.Routes[0].Price.Output != 2_000_000 || m.Routes[1].Target != "u" || m.Routes[1].Price.Output != 4_000_000 {
			t.Errorf("%s: its routes are %+v", name, m.Routes)
		}
		if first := c.Catalogue()[0]; first.Retries != nil || first.Loose {
			t.Errorf("%s: of a model that says nothing: %+v", name, first)
		}
	}
}

func TestFactsOfAModel(t *testing.T) {
	file := quickstartFile + "  - {id: m, provider: local, price: {input: 1, output: 0}, type: embedding}\n" +
		"  - {id: n, provider: local, price: {input: 1, output: 2}, abilities: [streaming, images, tools, images]}\n"
	c := mustLoad(t, file, "LOCAL_KEY=k")
	var printed strings.Builder
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Config{"of the file": c, "as printed": mustLoad(t, printed.String())} {
		all := c.Catalogue()
		if all[0].Serves() != sallyport.ChatModel || all[0].Abilities != nil || all[1].Type != sallyport.EmbeddingModel {
			t.Errorf("%s: the models are %+v", name, all)
		}
		if got, want := all[2].Abilities, []sallyport.Ability{sallyport.Tools, sallyport.Images, sallyport.Streams}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the abilities are %v, want %v", name, got, want)
		}
	}
}

func TestCatalogueSaysWhatIsNoAI(t *testing.T) {
	for _, m := range mustLoad(t, "").Catalogue() {
		if !m.Offline || !strings.Contains(m.DisplayName, "stand-in") {
			t.Errorf("%s is shown as %q, which does not say that no AI answers", m.ID, m.DisplayName)
		}
		if m.Price.Input != 100_000 || m.Price.Output != 400_000 {
			t.Errorf("%s costs %s and %s, want 0.1 and 0.4", m.ID, m.Price.Input, m.Price.Output)
		}
	}
}

func TestCatalogueWithoutBuiltinClaude(t *testing.T) {
	c, err := Load(t.Context(), Sources{Environ: []string{"ANTHROPIC_API_KEY=k"}})
	if err != nil {
		t.Fatal(err)
	}
	m := c.Catalogue()[0]
	if m.ID != claudeID || m.Provider != "anthropic" || m.Offline || m.Price.Input != 3_000_000 || m.Price.Output != 15_000_000 {
		t.Errorf("model is %+v", m)
	}
}

func TestPriceIsReadExactly(t *testing.T) {
	c := mustLoad(t, `
providers: [{name: p, type: openai}]
models:
  - {id: a, provider: p, price: {input: 0.1, output: 0.000001, cached_input: 0.30, cache_write: "3.75", reasoning: 0.5}}
  - {id: b, provider: p, price: {input: 0.000003, output: 1000000}}
  - {id: c, provider: p, price: {input: 0, output: 0, minute: 0.006}}
`)
	a, b, heard := c.Catalogue()[0].Price, c.Catalogue()[1].Price, c.Catalogue()[2].Price
	if hour, err := heard.Cost(sallyport.Usage{AudioSeconds: 3600}); err != nil || hour != 60*6000 || !strings.HasSuffix(heard.Version, ",minute=0.006") {
		t.Errorf("an hour of sound costs %s, %v, by %s", hour, err, heard.Version)
	}
	if a.Input != 100_000 || a.Output != 1 || a.CachedInput != 300_000 || a.CacheWrite != 3_750_000 || a.Reasoning != 500_000 ||
		a.Version != "file:in=0.1,cached=0.3,write=3.75,out=0.000001,reasoning=0.5" {
		t.Errorf("price of a is %+v", a)
	}
	if b.Input != 3 || b.CachedInput != 3 || b.CacheWrite != 4 || b.Output != sallyport.RateMax {
		t.Errorf("price of b is %+v", b)
	}
}

func TestLoadErr(t *testing.T) {
	const provider = "providers: [{name: p, type: openai}]\n"
	for _, c := range []struct {
		name, file string
		environ    []string
		want       string // part of the message
	}{
		{name: "unknown field", file: "addr: 127.0.0.1:1\ndatabse: x", want: `sallyport.yaml:2: unknown field "databse"`},
		{name: "unknown nested field", file: "\nproviders:\n  - name: p\n    type: openai\n    apikey: hunter2", want: `sallyport.yaml:5: unknown field "apikey"`},
		{name: "not YAML", file: "providers: [", want: "sallyport.yaml:1: "},
		{name: "duplicate key", file: "addr: 127.0.0.1:1\naddr: 127.0.0.1:2", want: `sallyport.yaml:2: mapping key "addr" already defined`},
		{name: "two documents", file: "addr: 127.0.0.1:1\n---\naddr: 127.0.0.1:2", want: "more than one YAML document"},
		{name: "wrong kind", file: "providers: local", want: "sallyport.yaml:1: "},
		{name: "bad duration", file: "providers:\n - {name: p, type: openai, timeouts: {idle: soon}}", want: `sallyport.yaml:2: "soon" is not a time with a unit`},
		{name: "duration without unit", file: "providers:\n - {name: p, type: openai, timeouts: {idle: 30}}", want: "with a unit, such as 10s"},
		{name: "negative duration", file: "providers:\n - {name: p, type: openai, timeouts: {idle: -3s}}", want: "is not a time"},
		{name: "half a request", file: "limits: {user: {requests_per_minute: 1.5}}", want: `sallyport.yaml:1: "1.5" is not a whole number`},
		{name: "half a place", file: "limits: {user: {concurrent: 0.5}}", want: `sallyport.yaml:1: "0.5" is not a whole number`},
		{name: "on_failure", file: "limits: {on_failure: ignore}", want: `limits.on_failure: "ignore" is not one of refuse, allow`},
		{name: "redis without a scheme", file: "redis: 127.0.0.1:6379", want: "redis: it is neither redis://user:password@host:6379/0 nor"},
		{name: "redis over HTTP", file: "redis: http://127.0.0.1:6379", want: "redis: it is neither"},
		{name: "redis without a host", file: "redis: 'redis:///0'", want: "redis: it is neither"},
		{name: "redis with a named database", file: "redis: redis://127.0.0.1/zero", want: "redis: it is neither"},
		{name: "redis of an unset variable", file: "redis: 'redis://${NOWHERE}'", want: "redis: the variable NOWHERE is not set"},
		{name: "negative rate", file: "limits: {user: {tokens_per_minute: -1}}", want: "is not a whole number of 0 or more"},
		{name: "a price with seven decimals", file: provider + "models: [{id: m, provider: p, price: {input: 0.1234567, output: 1}}]", want: "sallyport.yaml:2: \"0.1234567\" is not a decimal"},
		{name: "a price in powers", file: provider + "models: [{id: m, provider: p, price: {input: 1e3, output: 1}}]", want: "is not a decimal"},
		{name: "negative price", file: provider + "models: [{id: m, provider: p, price: {input: -1, output: 1}}]", want: "is not between 0 and"},
		{name: "a list as price", file: provider + "models: [{id: m, provider: p, price: {input: [1], output: 1}}]", want: "a single value is expected"},

		{name: "no price", file: provider + "models: [{id: m, provider: p}]", want: "model m has no price: give credits per million tokens, price: {input: 2.5, output: 10}, or price: {input: 0, output: 0} if it is free"},
		{name: "a minute for nothing", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0, minute: 0}}]", want: "models.m.price.minute: give more than 0"},
		{name: "a dear minute of a route", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, routes: [{provider: p, target: t, price: {input: 0, output: 0, minute: 61}}]}]", want: "models.m.routes[0].price.minute: give more than 0"},
		{name: "many tries", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, retries: 6}]", want: "models.m: retries is a number from 0 to 5"},
		{name: "no tries at all", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, retries: -1}]", want: "is not a whole number of 0 or more"},
		{name: "a heavy way", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, routes: [{provider: q, weight: 1000001}]}]", want: "models.m: weight is a number from 0 to 1000000"},
		{name: "one way twice", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, routes: [{provider: p, target: m}]}]", want: "models.m: two ways lead to the same target"},
		{name: "a fallback twice", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, fallbacks: [n, n]}, {id: n, provider: p, price: {input: 0, output: 0}}]", want: "models.m: fallbacks must be other models"},
		{name: "its own fallback", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, fallbacks: [m]}]", want: "models.m: fallbacks must be other models"},
		{name: "another type", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, type: image}]", want: `models.m.type: "image" is not one of chat, embedding, transcription`},
		{name: "another ability", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, abilities: [tools, flying]}]", want: `models.m.abilities: "flying" is not one of tools, images, documents, audio, reasoning, structured_output, streaming`},
		{name: "a fallback of another type", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, fallbacks: [n]}, {id: n, provider: p, price: {input: 0, output: 0}, type: embedding}]",
			want: `models.m.fallbacks: "n" is of the type embedding, and the model of chat`},
		{name: "too many ways", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}, routes: [" + strings.Repeat("{provider: p}, ", 16) + "]}]", want: "models.m: there are more than 15 routes"},
		{name: "free reasoning", file: provider + "models: [{id: m, provider: p, price: {input: 1, output: 1, reasoning: 0}}]", want: "models.m.price.reasoning: 0 cannot be told"},
		{name: "half a price", file: provider + "models: [{id: m, provider: p, price: {input: 1}}]", want: "model m has no price"},
		{name: "unknown provider", file: provider + "models: [{id: m, provider: q, price: {input: 0, output: 0}}]", want: `models.m.provider: there is no provider "q": add it under providers, or name one of: p`},
		{name: "double model", file: provider + "models: [{id: m, provider: p, price: {input: 0, output: 0}}, {id: m, provider: p, price: {input: 0, output: 0}}]", want: "models.m: there are two models of this id"},
		{name: "model without id", file: provider + "models: [{provider: p, price: {input: 0, output: 0}}]", want: "models[0].id"},
		{name: "bad dlp of a model", file: provider + "models: [{id: m, provider: p, dlp: enforce, price: {input: 0, output: 0}}]", want: `models.m.dlp: "enforce" is not one of on, observe, off`},
		{name: "double provider", file: "providers: [{name: p, type: openai}, {name: p, type: groq}]", want: "providers.p: there are two providers of this name"},
		{name: "provider without name", file: "providers: [{type: openai}]", want: "providers[0].name"},
		{name: "provider without type", file: "providers: [{name: p}]", want: "providers.p.type"},
		{name: "bad URL", file: "providers: [{name: p, type: openai, base_url: 'ftp://x'}]", want: "providers.p.base_url: it is not an address"},
		{name: "URL without host", file: "providers: [{name: p, type: openai, base_url: 'http:///v1'}]", want: "providers.p.base_url: it is not an address"},
		{name: "URL with password", file: "providers: [{name: p, type: openai, base_url: 'https://u:hunter2@x/v1'}]", want: "put the credential into api_key"},
		{name: "URL with query", file: "providers: [{name: p, type: openai, base_url: 'https://x/v1?key=hunter2'}]", want: "put parameters into query"},
		{name: "missing script", file: "providers: [{name: p, type: offline, script: /no/such/file}]", want: "providers.p.script"},
		{name: "a script for an AI", file: "providers: [{name: p, type: openai, script: x.yaml}]", want: "only providers of type offline"},

		{name: "missing variable in a URL", file: "providers: [{name: p, type: openai, base_url: '${BASE}/v1'}]", want: "providers.p.base_url: the variable BASE is not set"},
		{name: "missing variable in a header", file: "providers: [{name: p, type: openai, headers: {X-Org: 'a ${B}'}}]", want: "providers.p.headers.X-Org: the variable B is not set"},
		{name: "open brace", file: "providers: [{name: p, type: openai, api_key: 'a${B'}]", want: "a ${ is not closed"},

		{name: "open to the network", file: "addr: 0.0.0.0:8080", want: "set tls.cert and tls.key, or behind_proxy: true"},
		{name: "all addresses", file: "addr: ':8080'", want: "behind_proxy: true"},
		{name: "a name may resolve to anything", file: "addr: myhost:8080", want: "behind_proxy: true"},
		{name: "second listener open to the network", file: "inference_addr: 10.0.0.1:8081", want: "inference_addr: 10.0.0.1:8081 can be reached"},
		{name: "both listeners on one port", file: "inference_addr: 127.0.0.1:8080", want: "choose another port"},
		{name: "no port", file: "addr: 127.0.0.1", want: "is not host:port"},
		{name: "bad port", file: "addr: 127.0.0.1:99999", want: "is not a port"},
		{name: "half of TLS", file: "tls: {cert: x.pem}", want: "cert and key belong together"},
		{name: "TLS without files", file: "tls: {cert: /no/x.pem, key: /no/y.pem}", want: "tls: open /no/x.pem"},
		{name: "bad proxy", file: "trusted_proxies: [proxy]", want: `trusted_proxies: "proxy" is neither`},
		{name: "bad database", file: "database: 'mysql://u:hunter2@x/y'", want: "database: it is neither sqlite:///"},
		{name: "relative database", file: "database: sqlite://file.db", want: "database: it is neither"},
		{name: "bad durability", file: "durability: fast", want: `durability: "fast" is not one of strict, relaxed`},
		{name: "bad mode", file: "dlp: {mode: maybe}", want: "dlp.mode"},
		{name: "bad level of content", file: "audit: {content: all}", want: `audit.content: "all" is not one of metadata, request, answer`},
		{name: "too long a retention", file: "audit: {retention_days: 36501}", want: "audit: 36501 days are more than 36500"},
		{name: "a negative retention", file: "audit: {content_days: -1}", want: "is not a whole number"},
		{name: "bad level", file: "log: {level: loud}", want: "log.level"},
		{name: "no hold", file: "credits: {hold_output: 0}", want: "credits.hold_output"},
		{name: "negative credits", file: "credits: {starting: -1}", want: "credits.starting"},

		{name: "bad variable", environ: []string{"SALLYPORT_BEHIND_PROXY=maybe"}, want: "the variable SALLYPORT_BEHIND_PROXY cannot be read"},
		{name: "bad rate in a variable", environ: []string{"SALLYPORT_LIMITS_KEY_TOKENS_PER_MINUTE=1.5"}, want: `SALLYPORT_LIMITS_KEY_TOKENS_PER_MINUTE cannot be read: "1.5" is not a whole number`},
		{name: "bad address in a variable", environ: []string{"SALLYPORT_ADDR=0.0.0.0:80"}, want: "behind_proxy: true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.file, c.environ...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error is\n%v, want in it\n%s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the message shows a secret or has several lines: %q", err)
			}
		})
	}
}

func TestLoadNamesEveryProblem(t *testing.T) {
	_, err := load(t, "durability: fast\nlog: {level: loud}\naddr: nowhere")
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error is %v, want three lines", err)
	}
	if _, err := Load(t.Context(), Sources{File: "/no/such/file"}); err == nil {
		t.Error("a file that was named and is not there was ignored")
	}
}

func TestVariablesAndFlag(t *testing.T) {
	file := "addr: 127.0.0.1:1\ncredits: {starting: 5}\ndlp: {mode: 'off'}"
	c := mustLoad(t, file,
		"SALLYPORT_ADDR=127.0.0.1:2", "SALLYPORT_CREDITS_STARTING=0.5", "SALLYPORT_LIMITS_USER_REQUESTS_PER_MINUTE=7",
		"SALLYPORT_REDIS=rediss://u:p@r:7/1", "SALLYPORT_LIMITS_ON_FAILURE=allow", "SALLYPORT_LIMITS_KEY_CONCURRENT=3",
		"SALLYPORT_TRUSTED_PROXIES=10.0.0.0/8,127.0.0.1", "SALLYPORT_BEHIND_PROXY=true", "SALLYPORT_TLS_CERT=",
		"SALLYPORT_MASTER_KEY=x", "SALLYPORT_SERVICE_PORT=tcp://elsewhere", "ADDR=127.0.0.1:3")
	if c.Addr != "127.0.0.1:2" || c.Credits.Starting != 500_000 || c.Limits.User.RequestsPerMinute != 7 || !c.BehindProxy || c.DLP.Mode != "off" {
		t.Errorf("config is %+v", c)
	}
	if c.Redis != "rediss://u:p@r:7/1" || c.Limits.OnFailure != "allow" || c.Limits.Key.Concurrent != 3 {
		t.Errorf("redis is %q, limits are %+v", c.Redis, c.Limits)
	}
	networks := c.Networks()
	if len(networks) != 2 || networks[0].String() != "10.0.0.0/8" || networks[1].String() != "127.0.0.1/32" {
		t.Errorf("networks are %v", networks)
	}
	if c.Limits.Organisation.RequestsPerMinute != 600_000 || c.Credits.HoldOutput != 4096 {
		t.Errorf("a variable wiped out its neighbours: %+v", c)
	}
	flagged, err := Load(t.Context(), Sources{Environ: []string{"SALLYPORT_ADDR=127.0.0.1:2"}, Addr: "127.0.0.1:4"})
	if err != nil || flagged.Addr != "127.0.0.1:4" {
		t.Errorf("addr is %q, %v, want the flag's", flagged.Addr, err)
	}
}

func TestExpand(t *testing.T) {
	environ := map[string]string{"A": "x$$y${B}", "EMPTY": ""}
	for in, want := range map[string]string{
		"":             "",
		"plain":        "plain",
		"${A}":         "x$$y${B}", // a value is not expanded again
		"1${A}2${A}":   "1x$$y${B}2x$$y${B}",
		"$${A}":        "${A}",
		"$$$$":         "$$",
		"cost $5 $A $": "cost $5 $A $",
		"<${EMPTY}>":   "<>",
	} {
		if got, err := expand(in, environ); err != nil || got != want {
			t.Errorf("expand(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPrint(t *testing.T) {
	file := quickstartFile + "database: 'postgres://u:hunter2@127.0.0.1/db'\nlimits: {key: {tokens_per_minute: 9}}\n" +
		"sinks:\n" +
		"  - {name: hook, type: webhook, url: 'http://127.0.0.1:9/in?token=hunter2', secret: hunter2}\n" +
		"  - {name: path, type: webhook, url: 'http://hunter2@127.0.0.1:9/in/hunter2', secret: hunter2}\n" +
		"  - {name: siem, type: syslog, url: 'tls://127.0.0.1:6514'}\n"
	c := mustLoad(t, file, "LOCAL_KEY=hunter2")
	c.Providers[0].Headers = map[string]secret.Text{"X": "hunter2"}
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hunter2") || strings.Count(b.String(), "[redacted]") != 6 {
		t.Errorf("secrets are shown, or not as redacted:\n%s", b.String())
	}
	for _, want := range []string{"input: 2.5", "cache_write: 3.125", "starting: 100", "tokens_per_minute: 9", claudeID, "http://127.0.0.1:9/[redacted]", "tls://127.0.0.1:6514\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	// What is printed can be loaded, but for the secrets.
	again := mustLoad(t, strings.ReplaceAll(b.String(), "u:xxxxx@", "u@"))
	if got, want := models(again), models(c); got != want {
		t.Errorf("loaded again the catalogue is %s, want %s", got, want)
	}
}

func TestExampleFile(t *testing.T) {
	text, err := os.ReadFile("../../sallyport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := models(mustLoad(t, string(text))), models(mustLoad(t, "")); got != want {
		t.Errorf("as it stands the example changes the catalogue to %s, want %s", got, want)
	}
	// With its options uncommented it must load too; sentences begin with "#" and one space.
	var active strings.Builder
	for line := range strings.Lines(string(text)) {
		sentence := strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "#  ")
		if !sentence && line != "#\n" {
			line = strings.TrimPrefix(line, "#")
		}
		active.WriteString(line)
	}
	c := mustLoad(t, active.String(), "LOCAL_KEY=k", "AZURE_KEY=k", "KEY_1=one-key", "KEY_2=two-key", "HOOK_SECRET=h", "HEC_TOKEN=t", "ANTHROPIC_API_KEY=k")
	if len(c.Providers) < 3 || len(c.Models) < 3 {
		t.Errorf("the example shows %d providers and %d models", len(c.Providers), len(c.Models))
	}
	if len(c.Sinks) != 4 || c.Sinks[1].Secret.Reveal() != "h" {
		t.Errorf("the example shows the sinks %+v, want 4 with secrets from the environment", c.Sinks)
	}
}

func TestOllama(t *testing.T) {
	answer := `{"models":[{"name":"llama3.2:1b"},{"name":""},{"name":"qwen3"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/tags" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	probe := func(ctx context.Context) []string { return ollamaModels(ctx, server.URL) }

	c, err := Load(t.Context(), Sources{Ollama: probe})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := models(c), "llama3.2:1b@ollama qwen3@ollama "+claudeID+"@offline!"; got != want {
		t.Errorf("catalogue is %s, want %s", got, want)
	}
	if price := c.Catalogue()[0].Price; price.Input != 0 || price.Output != 0 {
		t.Errorf("a local model costs %+v", price)
	}
	answer = `<html>`
	if c, err = Load(t.Context(), Sources{Ollama: probe}); err != nil || models(c) != "offline-1@offline! "+claudeID+"@offline!" {
		t.Errorf("catalogue is %s, %v, want the offline models alone", models(c), err)
	}
	server.Close()
	if got := ollamaModels(t.Context(), server.URL); got != nil {
		t.Errorf("a server that is gone has models %v", got)
	}
}

func TestOllamaThatHangs(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-done }))
	defer server.Close()
	defer close(done)
	if got := ollamaModels(t.Context(), server.URL); got != nil { // without a bound it would wait for ever
		t.Errorf("models are %v", got)
	}
}
