package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-ai/sallyport"
)

// Preview is what an import would make, without making it.
type Preview struct {
	Definition sallyport.AgentDefinition
	// Integrations are those that the definition enables and that are not set up here.
	Integrations []string
	// Problems are all reasons for which the import would be refused; none: it would not.
	Problems []Problem
}

// PreviewImport looks at a definition as Import would, and goes on after the
// first problem. Its error is one of this server.
func (a *Agents) PreviewImport(ctx context.Context, p sallyport.Principal, text []byte) (Preview, error) {
	file, err := read(text)
	if err != nil {
		var known *sallyport.Error
		if !errors.As(err, &known) {
			return Preview{}, err
		}
		return Preview{Problems: []Problem{{Message: known.Message}}}, nil
	}
	var found problems
	found.toolServers(file)
	preview := Preview{Definition: file.definition(), Integrations: file.enabled()}
	found.definition(preview.Definition)
	if err := found.models(ctx, a, p.Org, preview.Definition); err != nil {
		return Preview{}, err
	}
	preview.Problems = found
	return preview, nil
}

// enabled are the names of the integrations that the definition enables.
func (f definitionFile) enabled() (names []string) {
	for _, configs := range f.toolServers() {
		for _, raw := range configs {
			if server, err := readToolServer(raw); err == nil && server.Enabled && !slices.Contains(names, server.ConfigID) {
				names = append(names, server.ConfigID)
			}
		}
	}
	return names
}

// models finds those that the organisation does not have.
func (l *problems) models(ctx context.Context, a *Agents, org sallyport.OrgID, def sallyport.AgentDefinition) error {
	missing := make(map[string]bool)
	for i, step := range def.Steps {
		name := def.ModelOf(i)
		if _, looked := missing[name]; !looked {
			err := a.checkModel(ctx, org, name)
			if err != nil && sallyport.CodeOf(err) != sallyport.InvalidBody {
				return err
			}
			missing[name] = name != "" && err != nil
		}
		if !missing[name] {
			continue
		}
		where := "model"
		if step.LLMStep != nil && step.LLMStep.Model != "" {
			where = fmt.Sprintf("steps[%d].llmStep.model", i)
		}
		if p := (Problem{where, fmt.Sprintf("names %q, which is not available here", name)}); !slices.Contains(*l, p) {
			*l = append(*l, p)
		}
	}
	return nil
}
