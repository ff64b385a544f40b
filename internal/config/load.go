package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Sources is where the configuration comes from.
type Sources struct {
	// File is the path of the operator's file; empty: there is none.
	File string
	// Environ is the environment, in the form of os.Environ.
	Environ []string
	// Addr replaces Config.Addr when it is not empty: the flag.
	Addr string
	// Builtin returns the known models of a provider type, under the provider's name.
	Builtin func(providerType, providerName string) []sallyport.Model
	// Ollama returns the models of a local Ollama, none when there is none;
	// nil: do not look. See OllamaModels.
	Ollama func(ctx context.Context) []string
}

// Load reads, completes and checks the configuration. Errors name file and
// line, or field and remedy, and never quote a secret.
func Load(ctx context.Context, src Sources) (*Config, error) {
	c := Default()
	environ := environMap(src.Environ)
	if src.File != "" {
		text, err := os.ReadFile(src.File)
		if err != nil {
			return nil, fmt.Errorf("configuration file: %w", err)
		}
		if err := c.decode(text); err != nil {
			return nil, fmt.Errorf("%s:%w", src.File, err)
		}
	}
	if err := c.override(environ); err != nil {
		return nil, err
	}
	if src.Addr != "" {
		c.Addr = src.Addr
	}
	if c.Telemetry.OTLPEndpoint == "" {
		c.Telemetry.OTLPEndpoint = environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
	}
	if err := c.expand(environ); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.complete(ctx, environ, src)
	if err := c.checkProviderNames(); err != nil {
		return nil, err
	}
	return &c, nil
}

func environMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			m[name] = value
		}
	}
	return m
}

// decode reads the file's text over what c holds. Its errors begin with the line.
func (c *Config) decode(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	read := *c
	err := decoder.Decode(&read)
	if errors.Is(err, io.EOF) { // nothing but comments; read has lost its defaults
		return nil
	}
	if err != nil {
		return atLine(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("1: the file holds more than one YAML document: remove the line '---' and what follows it")
	}
	*c = read
	return nil
}

// atLine cuts a YAML error down to line and message: its own text shows the
// source around the place, and with it perhaps a key.
func atLine(err error) error {
	var located yaml.Error
	if !errors.As(err, &located) || located.GetToken() == nil {
		return errors.New("1: the file cannot be read as YAML")
	}
	return fmt.Errorf("%d: %s", located.GetToken().Position.Line, located.GetMessage())
}

// envPrefix begins the variables that replace options.
const envPrefix = "SALLYPORT_"

// override takes options from variables, one by one, so that an error can name
// the variable. Variables that are no options are left alone.
func (c *Config) override(environ map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		err := env.ParseWithOptions(c, env.Options{
			Prefix: envPrefix, Environment: map[string]string{name: environ[name]},
		})
		if err != nil {
			return fmt.Errorf("the variable %s cannot be read: %s: correct or unset it", name, innermost(err))
		}
	}
	return nil
}

// innermost is what the value's own reader said.
func innermost(err error) string {
	var all env.AggregateError
	var parse env.ParseError
	if errors.As(err, &all) && len(all.Errors) > 0 && errors.As(all.Errors[0], &parse) {
		return parse.Err.Error()
	}
	return err.Error()
}

// expand replaces ${VAR} where a value may be secret or depend on the machine.
func (c *Config) expand(environ map[string]string) error {
	var problems []error
	replace := func(field string, value *string) {
		expanded, err := expand(*value, environ)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
			return
		}
		*value = expanded
	}
	replaceAll := func(field string, values map[string]secret.Text) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			value := values[name].Reveal()
			replace(field+"."+name, &value)
			values[name] = secret.Text(value)
		}
	}
	replace("database", &c.Database)
	replace("redis", &c.Redis)
	for i := range c.Providers {
		p := &c.Providers[i]
		field := fmt.Sprintf("providers[%d]", i)
		if p.Name != "" {
			field = "providers." + p.Name
		}
		replace(field+".base_url", &p.BaseURL)
		key, err := expand(p.APIKey.Reveal(), environ)
		var unset unsetError
		switch {
		case errors.As(err, &unset):
			// Local servers want no key, and the command line needs none: no
			// reason not to start. Who wants one says so when it is called.
			c.warnings = append(c.warnings, fmt.Sprintf("%s.api_key: %s; calls go out without a key", field, unset))
		case err != nil:
			problems = append(problems, fmt.Errorf("%s.api_key: %w", field, err))
		}
		p.APIKey = secret.Text(key)
		for j := range p.APIKeys {
			value := p.APIKeys[j].Reveal()
			replace(fmt.Sprintf("%s.api_keys[%d]", field, j), &value)
			p.APIKeys[j] = secret.Text(value)
		}
		replaceAll(field+".headers", p.Headers)
		replaceAll(field+".query", p.Query)
	}
	for i := range c.Sinks {
		s := &c.Sinks[i]
		field, value := fmt.Sprintf("sinks[%d]", i), s.Secret.Reveal()
		replace(field+".url", &s.URL)
		replace(field+".secret", &value)
		s.Secret = secret.Text(value)
	}
	return errors.Join(problems...)
}

// Warnings are what is odd and no reason not to start, each with its remedy.
func (c *Config) Warnings() []string { return slices.Clone(c.warnings) }

// unsetError names a variable that is not set.
type unsetError string

func (e unsetError) Error() string {
	return fmt.Sprintf("the variable %s is not set: export it, or write $$ for a dollar sign", string(e))
}

// expand replaces ${VAR} by the variable and $$ by one dollar sign. Any other
// dollar sign stands for itself.
func expand(s string, environ map[string]string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, closed := strings.Cut(after[1:], "}")
			if !closed {
				return "", errors.New("a ${ is not closed: write ${VAR}, or $$ for a dollar sign")
			}
			value, set := environ[name]
			if !set {
				return "", unsetError(name)
			}
			b.WriteString(value)
			s = rest
		default:
			b.WriteByte('$')
			s = after
		}
	}
}
