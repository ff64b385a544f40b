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
		shown.Sinks[i].URL = redactedURL(shown.Sinks[i].URL) // "" stays ""
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

// fileModel is a model of the catalogue as the file would have it.
func fileModel(m sallyport.Model) Model {
	rate := func(r sallyport.Rate) *Rate { shown := Rate(r); return &shown }
	word := m.DLP
	if word == "enforce" {
		word = "on"
	}
	priced := &Price{
		Input: rate(m.Price.Input), Output: rate(m.Price.Output),
		CachedInput: rate(m.Price.CachedInput), CacheWrite: rate(m.Price.CacheWrite),
	}
	if m.Price.Reasoning != 0 {
		priced.Reasoning = rate(m.Price.Reasoning)
	}
	return Model{
		ID: m.ID, Provider: m.Provider, Target: m.Target, DisplayName: m.DisplayName,
		Price:         priced,
		ContextWindow: Count(m.ContextWindow), OutputMax: Count(m.OutputMax), ImageTokens: Count(m.ImageTokens),
		DLP: word,
	}
}
