package agent

import (
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// A definition of a few kilobytes whose prompt repeats a large input must not
// take the server's memory, nor be asked.
func TestPromptThatWouldBeHuge(t *testing.T) {
	bomb := strings.Repeat("{{who}}", 9000)
	for name, spoil := range map[string]func(*sallyport.AgentDefinition){
		"prompt":        func(d *sallyport.AgentDefinition) { d.Steps[0].LLMStep.Prompt = bomb },
		"system prompt": func(d *sallyport.AgentDefinition) { d.SystemPrompt = bomb },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			def := twoSteps()
			spoil(&def)
			run := f.begun(t, def, map[string]string{"who": strings.Repeat("x", 10<<10), "ALERT": "-"})

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := f.work(t.Context(), runRef{run.Org, run.ID}, directly)
			runtime.ReadMemStats(&after)

			failure, ferr := f.Failure(t.Context(), f.run(t, run.ID))
			if err != nil || ferr != nil || failure == nil || failure.Code != sallyport.BodyTooLarge {
				t.Fatalf("got the failure %v, %v, %v", failure, ferr, err)
			}
			if calls := f.models.calls(); len(calls) != 0 {
				t.Errorf("got %d calls of the model, want none", len(calls))
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 2*PromptRenderedMax {
				t.Errorf("took %d bytes of memory to find out", used)
			}
		})
	}
}
