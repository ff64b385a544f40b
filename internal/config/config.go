// Package config is the operator's file: one struct whose comments are the
// manual. It is read in cmd and passed down as values; no other package reads
// a file or the environment to know how it should behave.
//
// A value comes from the first place that has it: a flag, a SALLYPORT_*
// variable, the file, the default. Without a file, or with one that names no
// provider, the providers are those whose usual key variables are set
// (ANTHROPIC_API_KEY and so on) and a local Ollama; with none of them, the
// offline model answers, which is a script and says so.
//
// Everything is checked at start. Whatever is wrong is an error that names the
// field and the remedy, and nothing starts.
package config

import (
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Config is the whole configuration. Load returns it complete and checked.
type Config struct {
	// Addr is where the server listens, host:port. Default 127.0.0.1:8080.
	// An address that other machines can reach needs TLS or BehindProxy.
	Addr string `yaml:"addr" env:"ADDR"`
	// InferenceAddr is a second listener with the same routes, for installations
	// that give the inference host its own address. Default: none.
	InferenceAddr string `yaml:"inference_addr" env:"INFERENCE_ADDR"`

	// Database is where everything is kept: empty for SQLite in the data folder
	// (the default), "sqlite:///path/to/file.db", or "postgres://user:password@host/name".
	// ${VAR} stands for a variable of the environment.
	Database string `yaml:"database" env:"DATABASE"`
	// Durability is strict (the default: a confirmed call survives a power
	// failure) or relaxed (it survives a crash of the server; a power failure
	// may lose the last moments, and writing is faster).
	Durability string `yaml:"durability" env:"DURABILITY"`

	// Redis is where several servers count their limits together:
	// "redis://user:password@host:6379/0", or rediss:// for TLS. Default: empty,
	// every server counts for itself. ${VAR} stands for a variable of the environment.
	Redis string `yaml:"redis" env:"REDIS"`

	// TLS lets the server speak HTTPS itself.
	TLS TLS `yaml:"tls" envPrefix:"TLS_"`
	// BehindProxy says that a proxy in front ends TLS. Default false.
	BehindProxy bool `yaml:"behind_proxy" env:"BEHIND_PROXY"`
	// TrustedProxies are the addresses or networks (10.0.0.0/8) whose
	// X-Forwarded-For is believed. Default: nobody's.
	TrustedProxies []string `yaml:"trusted_proxies" env:"TRUSTED_PROXIES"`

	// PrivateNetworks are addresses or networks (10.0.0.0/8) where providers that
	// administrators add in the Terminal or by the API may be, besides the public
	// internet. Whoever adds one can then reach what listens there. Default: none.
	PrivateNetworks []string `yaml:"private_networks" env:"PRIVATE_NETWORKS"`

	// Providers are who answers. Default: what the environment has, see above.
	Providers []Provider `yaml:"providers" env:"-"`
	// Models are what clients can ask for. Default: the known models of each
	// provider, with the provider's list prices.
	Models []Model `yaml:"models" env:"-"`

	// ModelsRefresh is how often each provider is asked for its list of models, which
	// administrators see beside the catalogue. 0: only when one asks. Default 24h.
	ModelsRefresh Duration `yaml:"models_refresh" env:"MODELS_REFRESH"`

	Credits Credits `yaml:"credits" envPrefix:"CREDITS_"`
	Limits  Limits  `yaml:"limits" envPrefix:"LIMITS_"`
	Routing Routing `yaml:"routing" envPrefix:"ROUTING_"`
	DLP     DLP     `yaml:"dlp" envPrefix:"DLP_"`
	Audit   Audit   `yaml:"audit" envPrefix:"AUDIT_"`
	Log     Log     `yaml:"log" envPrefix:"LOG_"`

	// Sinks are who gets the audit trail. Default: nobody.
	Sinks []Sink `yaml:"sinks" env:"-"`

	// MetricsAddr is where Prometheus reads /metrics, host:port. It asks for no
	// key and serves nothing else: choose an address that only Prometheus reaches.
	// Default: none.
	MetricsAddr string    `yaml:"metrics_addr" env:"METRICS_ADDR"`
	Telemetry   Telemetry `yaml:"telemetry" envPrefix:"TELEMETRY_"`
	// DrainTime is how long calls under way may go on when the server is told to
	// stop. What is left then is ended with an error that says so. Default 30s.
	DrainTime Duration `yaml:"drain_time" env:"DRAIN_TIME"`

	warnings []string // see Warnings

	// catalogue is what Models and the built-in models amount to; see Catalogue.
	catalogue []sallyport.Model
}

// TLS names the certificate and its key. Both or neither.
type TLS struct {
	Cert string `yaml:"cert" env:"CERT"` // file, PEM, with the chain
	Key  string `yaml:"key" env:"KEY"`   // file, PEM
}

// Provider is a service that answers calls.
type Provider struct {
	// Name is what models refer to. Unique.
	Name string `yaml:"name"`
	// Type is the service's kind, which tells its API and its usual address:
	// openai, anthropic, azure, groq, gemini, gemini-openai, vertex, bedrock,
	// mistral, deepseek, xai, openrouter, together, vllm, ollama, lmstudio or
	// offline. gemini-openai is the Gemini API at its OpenAI-compatible address.
	Type string `yaml:"type"`
	// BaseURL is its address, for example http://127.0.0.1:8000/v1. Default: the
	// type's. The operator may name any address, a private one too.
	BaseURL string `yaml:"base_url,omitempty"`
	// Region is where vertex and bedrock run, for example europe-west4, global or
	// eu-central-1; it tells the address when BaseURL does not.
	Region string `yaml:"region,omitempty"`
	// APIKey is our credential there. Write ${VAR} to take it from the environment.
	// vertex takes the JSON of a service account's key, or a bearer token that
	// somebody else keeps fresh; bedrock a Bedrock API key, or an access key as
	// id:secret or id:secret:session_token.
	APIKey secret.Text `yaml:"api_key,omitempty"`
	// APIKeys are several keys, used in turn, in place of APIKey: one that is
	// refused or over its rate rests a while. ${VAR} as above.
	APIKeys []secret.Text `yaml:"api_keys,omitempty"`
	// AuthHeader carries the key, if not as the type usually does; Azure wants api-key.
	AuthHeader string `yaml:"auth_header,omitempty"`
	// Headers and Query go with every request; Azure wants an api-version.
	Headers map[string]secret.Text `yaml:"headers,omitempty"`
	Query   map[string]secret.Text `yaml:"query,omitempty"`
	// Script is a file of answers for the type offline.
	Script   string   `yaml:"script,omitempty"`
	Timeouts Timeouts `yaml:"timeouts,omitempty"`
}

// Timeouts bound the waiting for a provider, such as 10s or 5m. 0 means the default.
type Timeouts struct {
	Connect   Duration `yaml:"connect,omitempty"`    // until there is a connection; default 10s
	FirstByte Duration `yaml:"first_byte,omitempty"` // until the answer begins; default 300s
	Idle      Duration `yaml:"idle,omitempty"`       // between two pieces of an answer; default 120s
}

// Model is one name that clients can ask for.
type Model struct {
	ID          string `yaml:"id"`                     // the name in requests, unique
	Provider    string `yaml:"provider"`               // name of the provider that serves it
	Target      string `yaml:"target,omitempty"`       // the provider's name for it; default ID
	DisplayName string `yaml:"display_name,omitempty"` // default ID
	// Type is chat, embedding or transcription. Default chat.
	Type sallyport.ModelType `yaml:"type,omitempty"`
	// Abilities are what it is known to be able to do: tools, images, documents, audio,
	// reasoning, structured_output, streaming. Of those that are not named nothing is known.
	Abilities []sallyport.Ability `yaml:"abilities,omitempty"`
	// Price must be given. A model that costs nothing says so: {input: 0, output: 0}.
	Price         *Price `yaml:"price"`
	ContextWindow Count  `yaml:"context_window,omitempty"` // tokens; 0: unknown
	OutputMax     Count  `yaml:"output_max,omitempty"`     // most tokens of one answer; 0: unknown
	ImageTokens   Count  `yaml:"image_tokens,omitempty"`   // at most, for one image in the input; 0: 2000
	// DLP is on, observe or off for calls of this model, unless an organisation
	// has a rule of its own for it. Default: as the organisation has it.
	DLP string `yaml:"dlp,omitempty"`
	// Routes are more ways to serve the model, tried in their order when the
	// first fails before its answer begins. With weights, calls are spread over
	// all that have one in that proportion; calls of one conversation, or of one
	// person, begin with the same. Each call is held at the dearest.
	Routes []Route `yaml:"routes,omitempty"`
	Weight Count   `yaml:"weight,omitempty"` // of the way that Provider and Target name
	// Fallbacks are models of this list that answer when no way to this one does,
	// for those who may use them.
	Fallbacks []string `yaml:"fallbacks,omitempty"`
	// Retries is how often one way to this model is tried again, 0 to 5. Default:
	// as Routing has it for all.
	Retries *Count `yaml:"retries,omitempty"`
	// Loose lets each call begin at a way of its own, by the weights, and not where
	// its conversation has begun. Default false: a provider's prompt cache is met again.
	Loose bool `yaml:"loose,omitempty"`
}

// Route is one more way to serve a model.
type Route struct {
	Provider string `yaml:"provider"`
	Target   string `yaml:"target,omitempty"` // default: the model's
	Weight   Count  `yaml:"weight,omitempty"`
	Price    *Price `yaml:"price,omitempty"` // default: the model's
}

// Price is in credits per million tokens, a decimal number with up to six
// decimals. One credit is meant to be one US dollar.
type Price struct {
	Input       *Rate `yaml:"input"`
	Output      *Rate `yaml:"output"`
	CachedInput *Rate `yaml:"cached_input,omitempty"` // default: Input
	CacheWrite  *Rate `yaml:"cache_write,omitempty"`  // default: 1.25 times Input
	Reasoning   *Rate `yaml:"reasoning,omitempty"`    // output that the model thought with; not 0; default: Output
	Minute      *Rate `yaml:"minute,omitempty"`       // credits for a minute of sound, of models that are priced by time; not 0, at most 60
}

// Credits are the rules of the balance.
type Credits struct {
	// Starting is what a new organisation gets. Default 100.
	Starting Amount `yaml:"starting" env:"STARTING"`
	// HoldOutput is how many output tokens are set aside for a call that names
	// no maximum of its own. Default 4096, at most the model's own maximum.
	HoldOutput Count `yaml:"hold_output" env:"HOLD_OUTPUT"`
}

// Routing bounds how a call is tried again before its answer begins. Nothing is
// tried again once a part of the answer has gone out.
type Routing struct {
	// Retries is how often one provider is tried again, after a failure that it
	// does not charge: it was not reached, or answered 502, 503 or 529. A wait of
	// up to 5 seconds that it asks for is kept. Default 1; 0 for never.
	Retries int `yaml:"retries" env:"RETRIES"`
	// Time is how long after the first try another may begin. Default 60s.
	Time Duration `yaml:"time" env:"TIME"`
	// BreakerFailures in a row let a provider's model be passed over for
	// BreakerRest, as long as the call has another candidate. Default 5 and 30s.
	BreakerFailures int      `yaml:"breaker_failures" env:"BREAKER_FAILURES"`
	BreakerRest     Duration `yaml:"breaker_rest" env:"BREAKER_REST"`
}

// Limits are those of everyone for whom nothing else was decided.
type Limits struct {
	// OnFailure says what becomes of calls while Redis does not answer: refuse
	// (the default: 503 limits_unavailable) or allow (they pass uncounted).
	// Without Redis there is nothing to fail.
	OnFailure    string `yaml:"on_failure" env:"ON_FAILURE"`
	Organisation Rates  `yaml:"organisation" envPrefix:"ORGANISATION_"` // default 600000 requests
	User         Rates  `yaml:"user" envPrefix:"USER_"`                 // default none
	Key          Rates  `yaml:"key" envPrefix:"KEY_"`                   // default none
}

// Rates are per minute, but for Concurrent; 0 means no limit.
type Rates struct {
	RequestsPerMinute Count `yaml:"requests_per_minute" env:"REQUESTS_PER_MINUTE"`
	TokensPerMinute   Count `yaml:"tokens_per_minute" env:"TOKENS_PER_MINUTE"`
	Concurrent        Count `yaml:"concurrent" env:"CONCURRENT"` // calls under way at once
}

// DLP is the rule of organisations that have set none.
type DLP struct {
	// Mode is enforce (the default: findings are replaced before they leave),
	// observe (they are only recorded) or off.
	Mode string `yaml:"mode" env:"MODE"`
}

// Audit is what is kept for organisations that have decided nothing.
type Audit struct {
	// RetentionDays is how long records of the trail are kept, in whole days.
	// Default 0: for ever.
	RetentionDays Count `yaml:"retention_days" env:"RETENTION_DAYS"`
	// Content is what is kept of what calls say, sealed and apart from the trail:
	// metadata (the default: nothing), request, or answer (both). It is what
	// data protection let out, never a value that it hid.
	Content string `yaml:"content" env:"CONTENT"`
	// ContentDays is how long that is kept. 0: as long as its record. Default 30.
	ContentDays Count `yaml:"content_days" env:"CONTENT_DAYS"`
}

// Log is how the server writes its log to standard error.
type Log struct {
	Level  string `yaml:"level" env:"LEVEL"`   // debug, info (default), warn or error
	Format string `yaml:"format" env:"FORMAT"` // text (default) or json
	// Calls is whether each call is a line at level info: its ids, model, status,
	// code and duration, and nothing of its content. Default true.
	Calls bool `yaml:"calls" env:"CALLS"`
}

// Telemetry is what is sent to an OpenTelemetry collector.
type Telemetry struct {
	// OTLPEndpoint is the collector's address for OTLP over HTTP, such as
	// http://127.0.0.1:4318. Default: OTEL_EXPORTER_OTLP_ENDPOINT, else nothing
	// is sent. Its headers, and what is sampled, are OpenTelemetry's own
	// variables: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER.
	OTLPEndpoint string `yaml:"otlp_endpoint" env:"OTLP_ENDPOINT"`
}

// Default is the configuration when nobody says anything.
func Default() Config {
	return Config{
		Addr:       "127.0.0.1:8080",
		Durability: "strict",
		Credits:    Credits{Starting: Amount(100 * sallyport.Credit), HoldOutput: 4096},
		Routing:    Routing{Retries: 1, Time: Duration(60 * time.Second), BreakerFailures: 5, BreakerRest: Duration(30 * time.Second)},
		Limits:     Limits{OnFailure: "refuse", Organisation: Rates{RequestsPerMinute: 600_000}},
		DLP:        DLP{Mode: "enforce"},
		Audit:      Audit{Content: "metadata", ContentDays: 30},
		Log:        Log{Level: "info", Format: "text", Calls: true},
		DrainTime:  Duration(30 * time.Second),

		ModelsRefresh: Duration(24 * time.Hour),
	}
}
