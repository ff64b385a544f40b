package config

import (
	"fmt"

	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Sink is a receiver of the audit trail.
type Sink struct {
	// Name is what is remembered of the sink: how far it has got. Unique.
	Name string `yaml:"name"`
	// Type is file, webhook, syslog or splunk.
	Type string `yaml:"type"`
	// URL is the receiver: https://… of a webhook or Splunk, tcp:// or tls:// of
	// syslog (ports 601 and 6514 by default). Path is the file.
	URL  string `yaml:"url,omitempty"`
	Path string `yaml:"path,omitempty"`
	// Format is json (the default: records as they are stored), cef or ocsf.
	Format string `yaml:"format,omitempty"`
	// Secret signs what a webhook gets, and is the token of Splunk. Write ${VAR}
	// to take it from the environment.
	Secret secret.Text `yaml:"secret,omitempty"`
	// CA is a file of certificates that the receiver is checked against, PEM.
	// Default: the system's.
	CA string `yaml:"ca,omitempty"`
	// Org is whose trail, by id or name. Default: all organisations' and the instance's.
	Org string `yaml:"org,omitempty"`
}

// checkSinks looks at names; what a sink of its type needs, package sink knows.
func (c *Config) checkSinks() (problems []error) {
	seen := make(map[string]bool)
	for n, s := range c.Sinks {
		if s.Name == "" || seen[s.Name] {
			problems = append(problems, fmt.Errorf("sinks[%d].name: it is missing or taken: give each sink a name of its own", n))
		}
		seen[s.Name] = true
	}
	return problems
}
