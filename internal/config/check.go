package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Check returns everything that is wrong with the configuration as it was
// written: each problem names its field and the remedy.
func (c *Config) Check() error {
	problems := slices.Concat(
		c.checkListeners(),
		c.checkStorage(),
		c.checkProviders(),
		c.checkModels(),
		c.checkRules(),
		c.checkSinks(),
	)
	return errors.Join(problems...)
}

func (c *Config) checkListeners() (problems []error) {
	problem := func(err error) { problems = append(problems, err) }
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		problem(errors.New("tls: cert and key belong together: set both or neither"))
	} else if c.TLS.Cert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key); err != nil {
			problem(fmt.Errorf("tls: %w: name a certificate and its key, both in PEM form", err))
		}
	}
	if err := c.checkAddr("addr", c.Addr); err != nil {
		problem(err)
	}
	if c.InferenceAddr != "" {
		if err := c.checkAddr("inference_addr", c.InferenceAddr); err != nil {
			problem(err)
		} else if c.InferenceAddr == c.Addr && !strings.HasSuffix(c.Addr, ":0") {
			problem(fmt.Errorf("inference_addr: %s is addr already: choose another port or leave it out; every path is served on addr too", c.Addr))
		}
	}
	if c.MetricsAddr != "" {
		if err := checkMetricsAddr(c.MetricsAddr, c.Addr, c.InferenceAddr); err != nil {
			problem(err)
		}
	}
	if err := checkBaseURL(c.Telemetry.OTLPEndpoint); err != nil {
		problem(fmt.Errorf("telemetry.otlp_endpoint: %w", err))
	}
	for _, networks := range []struct {
		field string
		list  []string
	}{{"trusted_proxies", c.TrustedProxies}, {"private_networks", c.PrivateNetworks}} {
		for _, network := range networks.list {
			if _, err := parseNetwork(network); err != nil {
				problem(fmt.Errorf("%s: %q is neither an address nor a network such as 10.0.0.0/8", networks.field, network))
			}
		}
	}
	return problems
}

// checkMetricsAddr allows any address of its own: metrics hold no secrets.
func checkMetricsAddr(addr string, others ...string) error {
	_, port, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		return fmt.Errorf("metrics_addr: %q is not host:port, for example 127.0.0.1:9090", addr)
	case port == "0" || !slices.Contains(others, addr):
		return nil
	}
	return fmt.Errorf("metrics_addr: %s is taken by the product's own routes: choose another port", addr)
}

func (c *Config) checkAddr(field, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port, for example 127.0.0.1:8080", field, addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s: %q is not a port between 0 and 65535", field, port)
	} else if n == 0 && field != "addr" {
		return fmt.Errorf("%s: give the port: nobody would find a random one", field)
	}
	if isLoopback(host) || c.TLS.Cert != "" || c.BehindProxy {
		return nil
	}
	return fmt.Errorf("%s: %s can be reached from other machines, and keys would cross the network in the clear: "+
		"set tls.cert and tls.key, or behind_proxy: true when a proxy in front ends TLS, or listen on 127.0.0.1", field, addr)
}

// isLoopback trusts no other name than localhost: what a name resolves to can change.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Networks returns TrustedProxies as networks.
func (c *Config) Networks() []netip.Prefix { return parseNetworks(c.TrustedProxies) }

// Private returns PrivateNetworks as networks.
func (c *Config) Private() []netip.Prefix { return parseNetworks(c.PrivateNetworks) }

func parseNetworks(list []string) (networks []netip.Prefix) {
	for _, text := range list {
		if n, err := parseNetwork(text); err == nil { // Check has refused the others
			networks = append(networks, n)
		}
	}
	return networks
}

func parseNetwork(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	return n.Masked(), err
}

func (c *Config) checkStorage() (problems []error) {
	if err := checkDatabase(c.Database); err != nil {
		problems = append(problems, err)
	}
	if err := checkRedis(c.Redis); err != nil {
		problems = append(problems, err)
	}
	if err := oneOf("durability", c.Durability, "strict", "relaxed"); err != nil {
		problems = append(problems, err)
	}
	return problems
}

// checkDatabase does not quote the address: there may be a password in it.
func checkDatabase(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
	case u.Scheme == "sqlite" && u.Host == "" && strings.HasPrefix(u.Path, "/") && u.Path != "/":
		return nil
	case (u.Scheme == "postgres" || u.Scheme == "postgresql") && strings.Trim(u.Path, "/") != "":
		return nil
	}
	return errors.New("database: it is neither sqlite:///path/to/file.db nor postgres://user:password@host/name; leave it empty for a file in the data folder")
}

var redisPath = regexp.MustCompile(`^(/[0-9]{0,5})?$`)

// checkRedis does not quote the address: there may be a password in it.
func checkRedis(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || !redisPath.MatchString(u.Path) {
		return errors.New("redis: it is neither redis://user:password@host:6379/0 nor rediss:// for TLS; leave it empty when there is one server only")
	}
	return nil
}

// namePattern is what a provider or a model may be called: it stands in URLs and in the trail.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`)

// ProviderTypes are the kinds of providers, sorted. Package provider has one for each.
var ProviderTypes = []string{
	"anthropic", "azure", "bedrock", "deepseek", "gemini", "gemini-openai", "groq", "lmstudio",
	"mistral", "offline", "ollama", "openai", "openrouter", "together", "vertex", "vllm",
	"xai",
}

func (c *Config) checkProviders() (problems []error) {
	seen := make(map[string]bool)
	for i, p := range c.Providers {
		field := fmt.Sprintf("providers[%d]", i)
		if !namePattern.MatchString(p.Name) {
			problems = append(problems, fmt.Errorf("%s.name: %q is not a name: give one of letters, digits and ._:/@+-", field, p.Name))
			continue
		}
		field = "providers." + p.Name
		if seen[p.Name] {
			problems = append(problems, fmt.Errorf("%s: there are two providers of this name: rename one", field))
		}
		seen[p.Name] = true
		if !slices.Contains(ProviderTypes, p.Type) {
			problems = append(problems, fmt.Errorf("%s.type: %q is not known: write openai for everything that speaks OpenAI's API, or one of %s",
				field, p.Type, strings.Join(ProviderTypes, ", ")))
		}
		if p.APIKey != "" && len(p.APIKeys) > 0 {
			problems = append(problems, fmt.Errorf("%s: it has api_key and api_keys: put all keys into api_keys", field))
		}
		if len(p.APIKeys) > keysMax {
			problems = append(problems, fmt.Errorf("%s.api_keys: there are more than %d", field, keysMax))
		}
		if p.Script != "" {
			problems = append(problems, checkScript(field+".script", p)...)
		}
		if err := checkBaseURL(p.BaseURL); err != nil {
			problems = append(problems, fmt.Errorf("%s.base_url: %w", field, err))
		}
	}
	return problems
}

// keysMax bounds the keys of one provider.
const keysMax = 100

func checkScript(field string, p Provider) []error {
	if p.Type != offlineType {
		return []error{fmt.Errorf("%s: only providers of type offline follow a script: remove it", field)}
	}
	if _, err := os.Stat(p.Script); err != nil {
		return []error{fmt.Errorf("%s: %w", field, err)}
	}
	return nil
}

// checkBaseURL does not quote the address: its errors are about what may be a secret.
func checkBaseURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return errors.New("it is not an address such as https://api.example.com/v1")
	}
	if u.User != nil {
		return errors.New("it holds a user or password: put the credential into api_key or headers")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return errors.New("it holds a query or fragment: put parameters into query")
	}
	return nil
}

func (c *Config) checkModels() (problems []error) {
	seen := make(map[string]bool)
	for i, m := range c.Models {
		field := fmt.Sprintf("models[%d]", i)
		if !namePattern.MatchString(m.ID) {
			problems = append(problems, fmt.Errorf("%s.id: %q is not a name: give one of letters, digits and ._:/@+-", field, m.ID))
			continue
		}
		field = "models." + m.ID
		if seen[m.ID] {
			problems = append(problems, fmt.Errorf("%s: there are two models of this id: rename or remove one", field))
		}
		seen[m.ID] = true
		if m.Price == nil || m.Price.Input == nil || m.Price.Output == nil {
			problems = append(problems, fmt.Errorf("%s.price: model %s has no price: give credits per million tokens, price: {input: 2.5, output: 10}, or price: {input: 0, output: 0} if it is free", field, m.ID))
		}
		if m.Price != nil && m.Price.Reasoning != nil && *m.Price.Reasoning == 0 {
			problems = append(problems, fmt.Errorf("%s.price.reasoning: 0 cannot be told from no price: leave it out for the price of output", field))
		}
		problems = append(problems, m.Price.checkMinute(field)...)
		problems = append(problems, m.checkFacts(field)...)
		problems = append(problems, c.checkRoutes(m)...)
		if m.DLP != "" {
			if err := oneOf(field+".dlp", m.DLP, "on", "observe", "off"); err != nil {
				problems = append(problems, err)
			}
		}
	}
	return problems
}

// checkFacts looks at what the file says that a model is and can do.
func (m Model) checkFacts(field string) (problems []error) {
	if m.Type != "" {
		problems = append(problems, oneOf(field+".type", m.Type, sallyport.ChatModel, sallyport.EmbeddingModel, sallyport.TranscriptionModel))
	}
	for _, a := range m.Abilities {
		problems = append(problems, oneOf(field+".abilities", a, sallyport.AllAbilities()...))
	}
	return slices.DeleteFunc(problems, func(err error) bool { return err == nil })
}

// checkProviderNames looks for models of unknown providers, once the providers
// of the environment are known too.
func (c *Config) checkProviderNames() error {
	var problems []error
	known := func(field, name string) {
		if c.provider(name) != nil {
			return
		}
		var names []string
		for _, p := range c.Providers {
			names = append(names, p.Name)
		}
		problems = append(problems, fmt.Errorf("%s: there is no provider %q: add it under providers, or name one of: %s",
			field, name, strings.Join(names, ", ")))
	}
	for _, m := range c.Models {
		known("models."+m.ID+".provider", m.Provider)
		for i, r := range m.Routes {
			known(fmt.Sprintf("models.%s.routes[%d].provider", m.ID, i), r.Provider)
		}
	}
	return errors.Join(problems...)
}

// checkMinute checks the price of a minute of sound; nil has none.
func (p *Price) checkMinute(field string) (problems []error) {
	if p != nil && p.Minute != nil && (*p.Minute <= 0 || *p.Minute > Rate(sallyport.MinuteMax)) {
		problems = append(problems, fmt.Errorf("%s.price.minute: give more than 0 and at most 60 credits for a minute of sound", field))
	}
	return problems
}

// checkRoutes looks at a model's other ways and at who stands in for it.
func (c *Config) checkRoutes(m Model) (problems []error) {
	field := "models." + m.ID
	if err := m.routed().CheckRouting(); err != nil {
		problems = append(problems, fmt.Errorf("%s: %w", field, err))
	}
	for i, r := range m.Routes {
		problems = append(problems, r.Price.checkMinute(fmt.Sprintf("%s.routes[%d]", field, i))...)
		if r.Price != nil && (r.Price.Input == nil || r.Price.Output == nil) {
			problems = append(problems, fmt.Errorf("%s.routes[%d].price: give input and output in credits per million tokens, or leave price out for the model's", field, i))
		}
	}
	for _, id := range m.Fallbacks {
		i := slices.IndexFunc(c.Models, func(other Model) bool { return other.ID == id })
		switch {
		case i < 0:
			problems = append(problems, fmt.Errorf("%s.fallbacks: %q is not another model of this list: add it under models, or remove it here", field, id))
		case c.Models[i].serves() != m.serves():
			problems = append(problems, fmt.Errorf("%s.fallbacks: %q is of the type %s, and the model of %s: name models of one type", field, id, c.Models[i].serves(), m.serves()))
		}
	}
	return problems
}

// daysMax is a hundred years; package policy has the same bound.
const daysMax = 36_500

func (c *Config) checkRules() (problems []error) {
	if c.Credits.Starting < 0 {
		problems = append(problems, errors.New("credits.starting: it is negative: give 0 or more"))
	}
	if c.Credits.HoldOutput < 1 {
		problems = append(problems, errors.New("credits.hold_output: it must be at least 1 token, or calls without max_tokens would be free to start"))
	}
	if c.Routing.Time < 0 || c.Routing.BreakerRest < 0 || c.Routing.BreakerFailures < 0 || c.Routing.Retries < 0 {
		problems = append(problems, errors.New("routing: a time or number is negative: give 0 for the default"))
	}
	if most := max(c.Audit.RetentionDays, c.Audit.ContentDays); most > daysMax {
		problems = append(problems, fmt.Errorf("audit: %d days are more than %d: give 0 to keep for ever", most, daysMax))
	}
	for _, choice := range []struct {
		field, value string
		choices      []string
	}{
		{"limits.on_failure", c.Limits.OnFailure, []string{"refuse", "allow"}},
		{"audit.content", c.Audit.Content, []string{"metadata", "request", "answer"}},
		{"dlp.mode", c.DLP.Mode, []string{"enforce", "observe", "off"}},
		{"log.level", c.Log.Level, []string{"debug", "info", "warn", "error"}},
		{"log.format", c.Log.Format, []string{"text", "json"}},
	} {
		if err := oneOf(choice.field, choice.value, choice.choices...); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func oneOf[T ~string](field string, value T, choices ...T) error {
	if slices.Contains(choices, value) {
		return nil
	}
	names := make([]string, len(choices))
	for i, choice := range choices {
		names[i] = string(choice)
	}
	return fmt.Errorf("%s: %q is not one of %s", field, value, strings.Join(names, ", "))
}
