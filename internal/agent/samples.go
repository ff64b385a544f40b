package agent

import "github.com/sallyport-ai/sallyport"

// sampleModel is in the catalogue of every installation from the start.
const sampleModel = "claude-sonnet-4-5-20250929"

// Samples returns the agents that a new organisation begins with: one with a
// single input, which one line of text can start, and one with two steps.
func Samples() []sallyport.AgentDefinition {
	return []sallyport.AgentDefinition{
		{
			DisplayName: "Alert triage",
			Description: "Reads one security alert and says how urgent it is, why, and what to do first.",
			SystemPrompt: "You are a security analyst on call. Judge only by what the alert says, " +
				"and say so when something you would need is missing.",
			Model:  sampleModel,
			Inputs: []sallyport.AgentInput{{Name: "alert_text", Description: "The alert as it came in"}},
			Steps: []sallyport.AgentStep{{
				Name: "Assess the alert",
				LLMStep: &sallyport.LLMStep{
					Prompt: "Assess this alert. Answer with its severity (low, medium, high or critical), " +
						"one sentence of reasoning and the first action to take.\n\nAlert:\n{{alert_text}}",
					MaxTokens: 1024,
				},
			}},
		},
		{
			DisplayName: "Incident update",
			Description: "Turns raw notes of an incident into a timeline and then into an update for people who were not there.",
			SystemPrompt: "You write for a company's incident channel: plain words, no blame, " +
				"nothing that the notes do not say.",
			Model: sampleModel,
			Inputs: []sallyport.AgentInput{
				{Name: "notes", Description: "Notes taken during the incident, in any form"},
				{Name: "audience", Description: "Who will read the update, for example: all employees"},
			},
			Steps: []sallyport.AgentStep{
				{
					Name: "Order the notes",
					LLMStep: &sallyport.LLMStep{
						Prompt:    "Put these notes into a timeline, one line for each event with its time.\n\nNotes:\n{{notes}}",
						MaxTokens: 2048,
					},
				},
				{
					Name: "Write the update",
					LLMStep: &sallyport.LLMStep{
						Prompt: "Write an update of at most 150 words for {{audience}} from this timeline: " +
							"what happened, whom it touched, where things stand, what comes next.\n\nTimeline:\n{{steps.1.output}}",
						MaxTokens: 1024,
					},
				},
			},
		},
	}
}
