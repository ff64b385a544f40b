package providertest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
)

// ask posts one user message and returns status and body.
func ask(t *testing.T, fake *providertest.Fake, path, text string) (int, string) {
	t.Helper()
	body := fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]}`, text)
	answer, err := http.Post(fake.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(said)
}

// TestFake shows how answers are chosen: the queue, a directive, the echo.
func TestFake(t *testing.T) {
	fake := providertest.New(t)
	fake.Queue(providertest.Answer{Text: "from the queue"})
	for i, row := range []struct {
		path, text string
		status     int
		want       string
	}{
		{"/chat/completions", `fake: {"text":"not yet"}`, 200, `"content":"from the queue"`},
		{"/chat/completions", `Hi. fake: {"text":"by directive","usage":{"Input":7}}`, 200, `"content":"by directive"`},
		{"/chat/completions", `fake: {"status":429,"body":"slow down"}`, 429, "slow down"},
		{"/chat/completions", `fake: {"txet":"x"}`, 400, "the directive cannot be read"},
		{"/chat/completions", "an echo", 200, `"content":"an echo"`},
		{"/messages", "an echo", 200, `"text":"an echo"`},
	} {
		status, said := ask(t, fake, row.path, row.text)
		if status != row.status || !strings.Contains(said, row.want) {
			t.Errorf("%s: got %d %s, want %d with %s", row.text, status, said, row.status, row.want)
		}
		if r := fake.Wait(t, i+1); r.LastUser != row.text || r.Path != "/v1"+row.path || r.Model != "m" {
			t.Errorf("recorded: got %+v", r)
		}
	}
	if n := len(fake.Requests()); n != 6 {
		t.Errorf("%d requests were recorded, want 6", n)
	}
}

// TestFake_gone tells a client that left from one that got its answer.
func TestFake_gone(t *testing.T) {
	fake := providertest.New(t)
	fake.Queue(providertest.Answer{Text: "served"}, providertest.Answer{Fault: providertest.Hang})
	ask(t, fake, "/chat/completions", "x")
	served := fake.Wait(t, 1)
	<-served.Done()
	select {
	case <-served.Gone():
		t.Error("a client that got its answer is said to have left")
	default:
	}
	ctx, leave := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, fake.URL+"/chat/completions", strings.NewReader("{}"))
	go func() {
		fake.Wait(t, 2)
		leave()
	}()
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Error("a hanging provider answered")
	}
	fake.Wait(t, 2).WaitGone(t)
}
