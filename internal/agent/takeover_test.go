package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/agent"
)

// A neighbour goes on with the run of a server that was killed in the middle of
// its second step, once that server's life has ended and not before. The first
// step was asked once.
func TestRun_is_taken_over(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		beside, err := at.open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		id := beside.begin(t, at)
		if err := beside.db.Close(); err != nil {
			t.Fatal(err)
		}
		at.Life = agent.Life{Node: "node-1", Boot: "boot-1"}
		at.killIn(t, "step 1")

		at.Life = agent.Life{Node: "node-2", Boot: "boot-1"}
		ended, looks := make(chan struct{}), make(chan struct{}, 100)
		at.ended = func(context.Context) ([]agent.Life, error) {
			looks <- struct{}{}
			select {
			case <-ended:
				return []agent.Life{{Node: "node-0", Boot: "boot-9"}, {Node: "node-1", Boot: "boot-1"}}, nil
			default:
				return nil, nil
			}
		}
		s, _ := at.life(t, at.noted())
		<-looks
		<-looks // the reconciler has been round
		if got := at.asked(t); got != "step 0\nstep 1\n" {
			t.Errorf("asked\n%sbefore the first server's life had ended", got)
		}
		close(ended)
		s.succeeded(t, at, id)
		if got, want := at.asked(t), "step 0\nstep 1\nstep 1\nstep 2\n"; got != want {
			t.Errorf("asked\n%swant\n%s", got, want)
		}
	})
}

// A server that knows lives goes on with the runs of one that did not.
func TestRun_of_an_older_program(t *testing.T) {
	t.Parallel()
	databases(t, func(t *testing.T, at place) {
		beside, err := at.open(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		id := beside.begin(t, at)
		if err := beside.db.Close(); err != nil {
			t.Fatal(err)
		}
		at.killIn(t, "step 1")

		at.Life = agent.Life{Node: "node-1", Boot: "boot-1"}
		at.ended = func(context.Context) ([]agent.Life, error) { return nil, nil }
		s, _ := at.life(t, at.noted())
		s.succeeded(t, at, id)
	})
}

// asked returns what noted has noted.
func (at place) asked(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(at.Dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
