package config

import (
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-ai/sallyport"
)

// Print writes the effective configuration in the form of the file: defaults,
// variables and what was found in the environment included. Secrets show as
// "[redacted]".
func (c *Config) Print(w io.Writer) error {
	shown := *c
	shown.Database = redactedURL(c.Database)
	shown.Redis = redactedURL(c.Redis)
	shown.Models = make([]Model, 0, len(c.catalogue))
	for _, m := range c.catalogue {
		shown.Models = append(shown.Models, fileModel(m))
	}
	shown.Sinks = slices.Clone(c.Sinks)
	for i := range shown.Sinks {
		shown.Sinks[i].URL = redactedAddress(shown.Sinks[i].URL) // "" stays ""
	}
	text, err := yaml.Marshal(shown)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = w.Write(text)
	return err
}

func redactedURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "[redacted]"
	}
	if u.Query().Has("password") { // Postgres takes it there too
		u.RawQuery = "[redacted]"
	}
	return u.Redacted()
}

// redactedAddress says where a receiver is. Receivers take tokens in all that
// can follow, and before it.
func redactedAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || s == "" {
		return redactedURL(s)
	}
	where := u.Scheme + "://" + u.Host
	if where != s {
		where += "/[redacted]"
	}
	return where
}

// fileModel is a model of the catalogue as the file would have it.
func fileModel(m sallyport.Model) Model {
	word := m.DLP
	if word == "enforce" {
		word = "on"
	}
	var routes []Route
	for _, r := range m.Routes {
		routes = append(routes, Route{Provider: r.Provider, Target: r.Target, Weight: Count(r.Weight), Price: filePrice(r.Price)})
	}
	var retries *Count
	if m.Retries != nil {
		retries = new(Count(*m.Retries))
	}
	return Model{
		ID: m.ID, Provider: m.Provider, Target: m.Target, DisplayName: m.DisplayName,
		Type: m.Type, Abilities: m.Abilities, Price: filePrice(m.Price),
		ContextWindow: Count(m.ContextWindow), OutputMax: Count(m.OutputMax), ImageTokens: Count(m.ImageTokens),
		DLP: word, Weight: Count(m.Weight), Routes: routes, Fallbacks: m.Fallbacks, Retries: retries, Loose: m.Loose,
	}
}

// filePrice is a price as the file would have it.
func filePrice(p sallyport.Price) *Price {
	rate := func(r sallyport.Rate) *Rate { shown := Rate(r); return &shown }
	priced := &Price{
		Input: rate(p.Input), Output: rate(p.Output), CachedInput: rate(p.CachedInput), CacheWrite: rate(p.CacheWrite),
	}
	if p.Reasoning != 0 {
		priced.Reasoning = rate(p.Reasoning)
	}
	if p.Second != 0 {
		priced.Minute = rate(sallyport.MinuteOf(p.Second))
	}
	return priced
}
