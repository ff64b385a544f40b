package config

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// keyVariables are the usual variables of providers' keys and the type that each enables.
var keyVariables = []struct{ variable, providerType string }{
	{"ANTHROPIC_API_KEY", "anthropic"},
	{"OPENAI_API_KEY", "openai"},
	{"GEMINI_API_KEY", "gemini"},
	{"GROQ_API_KEY", "groq"},
}

// What is there without any provider. The offline model is a script, not an AI.
const (
	offlineType = "offline"
	offlineID   = "offline-1"
	// claudeID is the model of the quickstart's examples: it is always there.
	claudeID = "claude-sonnet-4-5-20250929"
)

// offlinePrice makes credits move in a trial without costing much: 0.1 and 0.4
// credits per million tokens.
var offlinePrice = sallyport.Price{
	Input: 100_000, CachedInput: 100_000, CacheWrite: 125_000, Output: 400_000, Version: "offline-1",
}

// Catalogue returns the models that the configuration offers: those of the file
// or, when it lists none, the known models of each provider; and
// claude-sonnet-4-5-20250929 in any case.
func (c *Config) Catalogue() []sallyport.Model { return slices.Clone(c.catalogue) }

// complete adds the providers of the environment when the file names none, and
// makes the catalogue.
func (c *Config) complete(ctx context.Context, environ map[string]string, src Sources) {
	builtin := src.Builtin
	if builtin == nil {
		builtin = func(string, string) []sallyport.Model { return nil }
	}
	var local []sallyport.Model
	if len(c.Providers) == 0 {
		c.Providers = fromKeys(environ)
		if src.Ollama != nil {
			local = c.addOllama(src.Ollama(ctx))
		}
	}
	if c.modelsUse(offlineType) && c.provider(offlineType) == nil {
		c.addOffline()
	}
	if len(c.Models) > 0 {
		for _, m := range c.Models {
			c.catalogue = append(c.catalogue, c.model(m))
		}
	} else {
		c.addKnown(builtin, local)
	}
	if len(c.catalogue) == 0 && len(c.Providers) == 0 {
		c.addModel(offlineModel(offlineID, "Offline model 1 (a scripted stand-in, not an AI)", c.addOffline()))
	}
	c.addClaude(builtin)
}

func fromKeys(environ map[string]string) []Provider {
	var found []Provider
	for _, k := range keyVariables {
		if key := environ[k.variable]; key != "" {
			found = append(found, Provider{Name: k.providerType, Type: k.providerType, APIKey: secret.Text(key)})
		}
	}
	return found
}

// addKnown adds what is known of each provider's models. Where two providers
// have a model of one name, the first serves it.
func (c *Config) addKnown(builtin func(string, string) []sallyport.Model, local []sallyport.Model) {
	for _, p := range c.Providers {
		if p.Type == offlineType {
			c.addModel(offlineModel(offlineID, "Offline model 1 (a scripted stand-in, not an AI)", p.Name))
			continue
		}
		for _, m := range builtin(p.Type, p.Name) {
			c.addModel(m)
		}
	}
	for _, m := range local {
		c.addModel(m)
	}
}

// addOllama adds a local Ollama when it has models. They cost nothing.
func (c *Config) addOllama(names []string) []sallyport.Model {
	if len(names) == 0 {
		return nil
	}
	const name = "ollama"
	c.Providers = append(c.Providers, Provider{Name: name, Type: name, BaseURL: ollamaURL + "/v1"})
	models := make([]sallyport.Model, 0, len(names))
	for _, id := range names {
		models = append(models, sallyport.Model{
			ID: id, DisplayName: id + " (local)", Provider: name, Target: id,
			Price: sallyport.Price{Version: "local"},
		})
	}
	return models
}

// addClaude adds the quickstart's model: served by Anthropic when there is such
// a provider, else by the offline model and marked so.
func (c *Config) addClaude(builtin func(string, string) []sallyport.Model) {
	if c.offers(claudeID) {
		return
	}
	i := slices.IndexFunc(c.Providers, func(p Provider) bool { return p.Type == "anthropic" })
	if i < 0 {
		c.addModel(offlineModel(claudeID, "Claude Sonnet 4.5 (offline stand-in)", c.addOffline()))
		return
	}
	known := builtin("anthropic", c.Providers[i].Name)
	if at := slices.IndexFunc(known, func(m sallyport.Model) bool { return m.ID == claudeID }); at >= 0 {
		c.addModel(known[at])
		return
	}
	c.addModel(sallyport.Model{
		ID: claudeID, DisplayName: "Claude Sonnet 4.5", Provider: c.Providers[i].Name, Target: claudeID,
		ContextWindow: 200_000, OutputMax: 64_000,
		// Anthropic's list price, in case the built-in list no longer has the model.
		Price: sallyport.Price{Input: 3_000_000, CachedInput: 300_000, CacheWrite: 3_750_000, Output: 15_000_000, Version: "anthropic-2025-09-29"},
	})
}

// addOffline returns the name of a provider of type offline, added if there was none.
func (c *Config) addOffline() string {
	for _, p := range c.Providers {
		if p.Type == offlineType {
			return p.Name
		}
	}
	name := offlineType
	for c.provider(name) != nil { // another type has the name
		name += "-stand-in"
	}
	c.Providers = append(c.Providers, Provider{Name: name, Type: offlineType})
	return name
}

func offlineModel(id, displayName, provider string) sallyport.Model {
	return sallyport.Model{
		ID: id, DisplayName: displayName, Provider: provider, Target: id,
		ContextWindow: 128_000, OutputMax: 4096, Price: offlinePrice, Offline: true,
	}
}

func (c *Config) addModel(m sallyport.Model) {
	if !c.offers(m.ID) {
		c.catalogue = append(c.catalogue, m)
	}
}

func (c *Config) offers(id string) bool {
	return slices.ContainsFunc(c.catalogue, func(m sallyport.Model) bool { return m.ID == id })
}

func (c *Config) modelsUse(provider string) bool {
	return slices.ContainsFunc(c.Models, func(m Model) bool {
		return m.Provider == provider || slices.ContainsFunc(m.Routes, func(r Route) bool { return r.Provider == provider })
	})
}

func (c *Config) provider(name string) *Provider {
	for i := range c.Providers {
		if c.Providers[i].Name == name {
			return &c.Providers[i]
		}
	}
	return nil
}

// model is a model of the file with its defaults filled in.
func (c *Config) model(m Model) sallyport.Model {
	p := c.provider(m.Provider)
	made := m.routed()
	made.DisplayName, made.Price, made.DLP = m.DisplayName, m.Price.price(), dlpMode(m.DLP)
	made.ContextWindow, made.OutputMax, made.ImageTokens = int64(m.ContextWindow), int64(m.OutputMax), int64(m.ImageTokens)
	made.Type = m.Type
	if len(m.Abilities) > 0 {
		made.Abilities = sallyport.AbilitiesOf(func(a sallyport.Ability) bool { return slices.Contains(m.Abilities, a) })
	}
	made.Offline = p != nil && p.Type == offlineType
	for i, r := range m.Routes {
		made.Routes[i].Price = made.Price
		if r.Price != nil {
			made.Routes[i].Price = r.Price.price()
		}
	}
	if made.DisplayName == "" {
		made.DisplayName = m.ID
	}
	if made.Offline && m.DisplayName == "" {
		made.DisplayName += " (offline stand-in)"
	}
	return made
}

// serves is what the model is for.
func (m Model) serves() sallyport.ModelType { return sallyport.Model{Type: m.Type}.Serves() }

// routed is how calls of the model are routed. It has no prices yet, which the file may
// have forgotten.
func (m Model) routed() sallyport.Model {
	made := sallyport.Model{
		ID: m.ID, Provider: m.Provider, Target: cmp.Or(m.Target, m.ID), Weight: int64(m.Weight), Fallbacks: m.Fallbacks, Loose: m.Loose,
	}
	if m.Retries != nil {
		made.Retries = new(int(*m.Retries))
	}
	for _, r := range m.Routes {
		made.Routes = append(made.Routes, sallyport.Route{Provider: r.Provider, Target: cmp.Or(r.Target, made.Target), Weight: int64(r.Weight)})
	}
	return made
}

// dlpMode translates the file's word for a model into the name of a mode.
func dlpMode(word string) string {
	if word == "on" {
		return "enforce"
	}
	return word
}

// price fills in the defaults. Its version is the price itself, so that a charge
// can be explained from the trail alone.
func (p *Price) price() sallyport.Price {
	made := sallyport.Price{Input: sallyport.Rate(*p.Input), Output: sallyport.Rate(*p.Output)}
	made.CachedInput = made.Input
	if p.CachedInput != nil {
		made.CachedInput = sallyport.Rate(*p.CachedInput)
	}
	made.CacheWrite = made.Input + (made.Input+3)/4 // 1.25 times, rounded up
	if p.CacheWrite != nil {
		made.CacheWrite = sallyport.Rate(*p.CacheWrite)
	}
	made.Version = fmt.Sprintf("file:in=%s,cached=%s,write=%s,out=%s", made.Input, made.CachedInput, made.CacheWrite, made.Output)
	if p.Reasoning != nil {
		made.Reasoning = sallyport.Rate(*p.Reasoning)
		made.Version += ",reasoning=" + made.Reasoning.String()
	}
	if p.Minute != nil {
		made.Second = sallyport.SecondOf(sallyport.Rate(*p.Minute))
		made.Version += ",minute=" + sallyport.Rate(*p.Minute).String()
	}
	return made
}

// Looking for a local Ollama is bounded, for it happens at every start.
const (
	ollamaURL      = "http://127.0.0.1:11434"
	ollamaWait     = 300 * time.Millisecond
	ollamaBytesMax = 1 << 20
)

// OllamaModels returns the models of an Ollama on this machine; none when
// nothing answers within 300 ms.
func OllamaModels(ctx context.Context) []string { return ollamaModels(ctx, ollamaURL) }

func ollamaModels(ctx context.Context, baseURL string) []string {
	ctx, cancel := context.WithTimeout(ctx, ollamaWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/api/tags", nil)
	if err != nil {
		return nil
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy: it is this machine
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var answer struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if res.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(res.Body, ollamaBytesMax)).Decode(&answer) != nil {
		return nil
	}
	var names []string
	for _, m := range answer.Models {
		if m.Name != "" {
			names = append(names, m.Name)
		}
	}
	return names
}
