package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// testMAC is a keyed hash in the form that placeholders are made of.
func testMAC(data []byte) ([]byte, error) {
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write(data)
	return mac.Sum([]byte{1, 2, 3, 4, 5}), nil
}

// secretMail is what a request names and the model gets a placeholder for.
const secretMail = "anna.schmidt@example.com"

// askedOfMail is a request that names secretMail, screened, and what stands for it.
func askedOfMail(t *testing.T) (req *llm.Request, asked *dlp.Screen, placeholder string) {
	t.Helper()
	req, err := chat.Decode([]byte(`{"model":"m","messages":[{"role":"user","content":"` + secretMail + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	asked = dlp.New().Plan(dlp.DefaultPolicy()).Screen(testMAC, "user/ann")
	if err := asked.Request(req.Body, dialect.Opaque(llm.Chat)); err != nil {
		t.Fatal(err)
	}
	return req, asked, req.Messages[0].Parts[0].Text.Text()
}

// An event may hold several pieces of one text, in blocks of content or in parts,
// and may begin a call again that has begun: nothing is cut in two, lost or told twice.
func TestScreenPieces(t *testing.T) {
	t.Parallel()
	req, asked, placeholder := askedOfMail(t)
	half, rest := placeholder[:12], placeholder[12:]
	const end = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	blocks := func(finish string, texts ...string) string {
		return `{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"` + strings.Join(texts, `"},{"type":"text","text":"`) + `"}]},"finish_reason":` + finish + `}]}`
	}
	call := func(arguments string) string {
		return `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":"` + arguments + `"}}]}}]}`
	}
	for name, tt := range map[string]struct {
		chunks []string
		want   string
	}{
		"a value in two pieces of the last event": {[]string{blocks(`"stop"`, "to "+half, rest)}, "to " + secretMail},
		"half a value in two pieces":              {[]string{blocks("null", "to ", half), end}, "to " + half},
		"a call that begins again": {
			[]string{call(`{\"to\":\"` + half), call(""), end}, `{"to":"` + half,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			s := screened{call: &Call{Request: req}, screen: asked, out: func(e *llm.Event) error {
				for _, d := range e.Deltas {
					got.WriteString(d.Text.Text())
				}
				return nil
			}}
			pushAll(t, &s, tt.chunks)
			if got.String() != tt.want {
				t.Errorf("got %q, want %q", got.String(), tt.want)
			}
		})
	}
}

// pushAll pushes chunks of a chat completion as they come from a provider.
func pushAll(t *testing.T, s *screened, chunks []string) {
	t.Helper()
	for _, chunk := range chunks {
		var e llm.Event
		doc, err := llm.Parse([]byte(chunk))
		if err == nil {
			err = chat.DecodeEvent(doc, &e)
		}
		if err == nil {
			err = s.push(&e)
		}
		if err != nil {
			t.Fatalf("%v in %s", err, chunk)
		}
	}
}

// An answer of a hundred thousand texts, which is within the bounds of a body, takes
// no time that grows with the square of them.
func TestScreenManyTexts(t *testing.T) {
	t.Parallel()
	const calls = 100_000
	body := `{"choices":[{"index":0,"message":{"tool_calls":[` +
		strings.TrimSuffix(strings.Repeat(`{"index":0,"function":{"arguments":"{}"}},`, calls), ",") + `]},"finish_reason":"stop"}]}`
	doc, err := llm.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	var e llm.Event
	if err := chat.DecodeWhole(doc, &e); err != nil {
		t.Fatal(err)
	}
	s := screened{
		call: &Call{Request: &llm.Request{Dialect: llm.Chat}}, screen: dlp.New().Plan(dlp.DefaultPolicy()).Screen(testMAC, "user/ann"),
		out: func(*llm.Event) error { return nil },
	}
	if err := s.push(&e); err != nil || len(e.Deltas) != calls {
		t.Errorf("%d texts: %v", len(e.Deltas), err)
	}
}

// A stream need not end, and what is remembered of it is bounded all the same.
func TestScreenBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for name, tt := range map[string]struct {
		chunk func(n int) string
		most  int // chunks
		mode  string
		code  sallyport.Code
	}{
		"texts": {func(n int) string {
			return fmt.Sprintf(`{"choices":[{"index":%d,"delta":{"content":"mail a"}}]}`, n)
		}, dlp.TextsMax, dlp.Enforce, sallyport.DLPBlocked},
		"calls": {func(n int) string {
			return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"function":{"name":"f"}}]}}]}`, n)
		}, callsMax, dlp.Off, sallyport.UpstreamInvalid},
		"texts with log-probabilities": {func(n int) string {
			return fmt.Sprintf(`{"choices":[{"index":%d,"delta":{"content":"a"},"logprobs":{"content":[]}}]}`, n)
		}, callsMax, dlp.Off, sallyport.UpstreamInvalid},
		"the name of a tool": {func(int) string {
			return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"%s"}}]}}]}`, long)
		}, 0, dlp.Off, sallyport.UpstreamInvalid},
		"events that are held": {func(n int) string {
			return fmt.Sprintf(`{"choices":[{"index":%d,"delta":{"content":"⟦EMAIL"}}],"id":"%s"}`, n, long)
		}, 64, dlp.Enforce, sallyport.UpstreamInvalid},
	} {
		policy := dlp.DefaultPolicy()
		policy.Mode = tt.mode
		s := screened{
			call: &Call{Request: &llm.Request{Dialect: llm.Chat}}, screen: dlp.New().Plan(policy).Screen(testMAC, "user/ann"),
			out: func(*llm.Event) error { return nil },
		}
		var err error
		n := 0
		for ; err == nil && n <= tt.most; n++ {
			doc, perr := llm.Parse([]byte(tt.chunk(n)))
			if perr != nil {
				t.Fatal(perr)
			}
			var e llm.Event
			if err = chat.DecodeEvent(doc, &e); err != nil {
				t.Fatal(err)
			}
			err = s.push(&e)
		}
		if sallyport.CodeOf(err) != tt.code {
			t.Errorf("%s: got %v after %d chunks, want %s", name, err, n, tt.code)
		}
	}
}

// The name of a tool is judged in every dialect, also where the answer is built.
func TestScreenToolNames(t *testing.T) {
	t.Parallel()
	const secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	for _, client := range []llm.Dialect{llm.Chat, llm.Responses} {
		doc, err := llm.Parse([]byte(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"` + secret + `"}}]}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		var e llm.Event
		if err := chat.DecodeEvent(doc, &e); err != nil {
			t.Fatal(err)
		}
		s := screened{
			call: &Call{Request: &llm.Request{Dialect: client}}, screen: dlp.New().Plan(dlp.DefaultPolicy()).Screen(testMAC, "user/ann"),
			out: func(*llm.Event) error { return nil },
		}
		if err := s.push(&e); err != nil || strings.Contains(e.Deltas[0].ToolName.Text(), secret) {
			t.Errorf("%s: got %q, %v", client, e.Deltas[0].ToolName.Text(), err)
		}
	}
}
