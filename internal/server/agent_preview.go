package server

import (
	"github.com/sallyport-ai/sallyport/internal/agent"
)

// previewView is what an import would make.
type previewView struct {
	Name         string             `json:"name"`
	Description  string             `json:"description"`
	Models       []string           `json:"models"`
	Inputs       []agentInputView   `json:"inputs"`
	Steps        []previewStep      `json:"steps"`
	Integrations []string           `json:"missing_integrations" doc:"That it enables and that are not set up here"`
	Problems     []agentProblemView `json:"problems" doc:"Why the import would be refused; none: it would not"`
}

type previewStep struct {
	Name  string `json:"name"`
	Model string `json:"model"`
}

type agentProblemView struct {
	Field   string `json:"field" doc:"Such as steps[0].llmStep.prompt; empty: the whole"`
	Message string `json:"message"`
}

func viewPreview(p agent.Preview) previewView {
	view := previewView{
		Name: p.Definition.DisplayName, Description: p.Definition.Description, Models: p.Definition.Models(),
		Inputs: []agentInputView{}, Steps: []previewStep{}, Integrations: append([]string{}, p.Integrations...), Problems: []agentProblemView{},
	}
	for _, in := range p.Definition.Inputs {
		view.Inputs = append(view.Inputs, agentInputView(in))
	}
	for i, step := range p.Definition.Steps {
		view.Steps = append(view.Steps, previewStep{step.Name, p.Definition.ModelOf(i)})
	}
	for _, problem := range p.Problems {
		view.Problems = append(view.Problems, agentProblemView(problem))
	}
	return view
}
