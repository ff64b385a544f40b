package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// Values that DLP knows. They are put together here, so that no scanner of this
// repository takes them for real ones.
var (
	awsKey    = "AKIA" + "QX3RZP7VTY2WM6LD"
	githubKey = "ghp_" + "a8Kd03LsQ9zXv2Bn7Mf4Tr6Yw1Hc5Jg0PeUi"
	email     = "ann.lee@example.com"
)

// splits are the ways in which a text is cut for streams: at every place, and
// into pieces of 1, 2, 3, 5 and 8 bytes (of whole characters).
func splits(text string) [][]string {
	var all [][]string
	for i := range text {
		if i > 0 {
			all = append(all, []string{text[:i], text[i:]})
		}
	}
	for _, size := range []int{1, 2, 3, 5, 8} {
		var pieces []string
		rest := []rune(text)
		for len(rest) > size {
			pieces, rest = append(pieces, string(rest[:size])), rest[size:]
		}
		all = append(all, append(pieces, string(rest)))
	}
	return all
}

func chatBody(stream bool, prompt, more string) string {
	return fmt.Sprintf(`{"model":%q,"stream":%t,"messages":[{"role":"user","content":%s}]%s}`, servertest.Model, stream, quoted(prompt), more)
}

// plainText is the text of a plain answer.
func plainText(t *testing.T, body string) string {
	t.Helper()
	var whole struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(body), &whole); err != nil || len(whole.Choices) == 0 {
		t.Fatalf("answer %q: %v", body, err)
	}
	return whole.Choices[0].Message.Content
}

// placeholderOf asks what the provider sees of a value that the home's user sends.
func placeholderOf(t *testing.T, h *servertest.House, value string) string {
	t.Helper()
	h.Chat(t, h.Home.User.Key, chatBody(false, value, ""))
	requests := h.Fake.Requests()
	placeholder := requests[len(requests)-1].LastUser
	if !strings.HasPrefix(placeholder, "⟦") {
		t.Fatalf("the provider saw %q for %q, want a placeholder", placeholder, value)
	}
	return placeholder
}

func TestStreamIsScreened(t *testing.T) {
	t.Parallel()
	t.Run("chat", func(t *testing.T) { streamIsScreened(t, servertest.Model, "chatcmpl-fake", servertest.ModelTarget) })
	t.Run("messages", func(t *testing.T) { streamIsScreened(t, servertest.Claude, "chatcmpl-msg_fake", servertest.Claude) })
}

func streamIsScreened(t *testing.T, model, wantID, wantModel string) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	ask := func(t *testing.T, stream bool) string {
		t.Helper()
		return h.Chat(t, h.Home.User.Key, strings.Replace(chatBody(stream, "Mail "+email, ""), servertest.Model, model, 1)).Body
	}
	token := placeholderOf(t, h, email)
	for _, tt := range []struct {
		name, answer, want string
		hidden             []string
	}{
		{"plain prose", "Some words, then more. None is hidden: 1 2 3.", "Some words, then more. None is hidden: 1 2 3.", nil},
		{"a secret", "The key " + awsKey + " is old.", "The key [REDACTED:AWS_ACCESS_KEY_ID] is old.", []string{awsKey}},
		{"a secret at the end", "It is " + githubKey, "It is [REDACTED:GITHUB_TOKEN]", []string{githubKey}},
		{"a placeholder", "Write to " + token + ", please.", "Write to " + email + ", please.", []string{token}},
		{"a placeholder at the end", "I wrote to " + token, "I wrote to " + email, []string{token}},
		{"a foreign placeholder", "⟦EMAIL_ADDRESS:aaaaaaaaaaaa⟧ ⟦ é 日本 — a", "⟦EMAIL_ADDRESS:aaaaaaaaaaaa⟧ ⟦ é 日本 — a", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Text: tt.answer})
			plain := plainText(t, ask(t, false))
			if typed(plain) != typed(tt.want) {
				t.Fatalf("the plain answer is %q, want %q", plain, tt.want)
			}
			for _, pieces := range splits(tt.answer) {
				h.Fake.Queue(providertest.Answer{Pieces: pieces})
				got := readStream(t, ask(t, true))
				got.ended(t, 1, "stop", wantID, wantModel)
				got.hides(t, tt.hidden...)
				if got.text[0] != plain {
					t.Errorf("cut as %q: got %q, want %q", pieces, got.text[0], plain)
				}
				if got.usages != 0 {
					t.Errorf("cut as %q: there is usage that nobody asked for", pieces)
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

// typed leaves out which type a redaction names: that is the rules' business.
func typed(text string) string {
	for {
		before, after, found := strings.Cut(text, "[REDACTED:")
		if !found {
			return text
		}
		_, rest, _ := strings.Cut(after, "]")
		text = before + "[REDACTED]" + rest
	}
}

func TestStreamOfSeveralChoices(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	answer := "Keys: " + awsKey + " and more."
	for _, pieces := range splits(answer) {
		h.Fake.Queue(providertest.Answer{Pieces: pieces}) // the fake sends each piece to one choice after the other
		got := readStream(t, h.Chat(t, h.Home.User.Key, chatBody(true, "hello", `,"n":2`)).Body)
		got.whole(t, 2, "stop")
		got.hides(t, awsKey)
		for i := range 2 {
			if typed(got.text[i]) != "Keys: [REDACTED] and more." {
				t.Fatalf("cut as %q: choice %d is %q", pieces, i, got.text[i])
			}
		}
	}
}

// setPolicy decides the home's DLP policy through the API.
func setPolicy(t *testing.T, h *servertest.House, change func(p *dlp.Policy)) {
	t.Helper()
	p := dlp.DefaultPolicy()
	change(&p)
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPut, "/api/v1/dlp/policy", string(body)); a.Status != http.StatusNoContent {
		t.Fatalf("set the policy: %d %s", a.Status, a.Body)
	}
}

func blockSecrets(p *dlp.Policy) { p.In = map[string]dlp.Action{"secret": dlp.Block} }

// frame is a chunk with one choice, as a provider may write it.
func frame(choice string) string {
	return `data: {"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1,"model":"` + servertest.ModelTarget + `","choices":[` + choice + "]}\n\n"
}

const done = "data: [DONE]\n\n"

// What is held goes out when the text ends, whatever ends it.
func TestStreamReleasesWhatItHolds(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	const half = "AKIA" // may become a key
	begin := frame(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`)
	held := frame(`{"index":0,"delta":{"content":"It is ` + half + `"},"finish_reason":null}`)
	hidden := frame(`{"index":0,"delta":{"content":"It is ` + awsKey + `"},"finish_reason":null}`)
	stop := frame(`{"index":0,"delta":{},"finish_reason":"stop"}`)
	for _, tt := range []struct {
		name   string
		frames []string
		want   string
		cut    bool
	}{
		{"at the finish", []string{begin, held, stop, done}, "It is " + half, false},
		{"in the event that finishes", []string{begin, frame(`{"index":0,"delta":{"content":"It is ` + half + `"},"finish_reason":"stop"}`), done}, "It is " + half, false},
		{"hidden in the event that finishes", []string{begin, frame(`{"index":0,"delta":{"content":"It is ` + awsKey + `"},"finish_reason":"stop"}`), done}, "It is [REDACTED]", false},
		{"at [DONE] without a finish", []string{begin, held, done}, "It is " + half, false},
		{"hidden, at [DONE] without a finish", []string{begin, hidden, done}, "It is [REDACTED]", false},
		{"at a cut", []string{begin, held}, "It is " + half, true},
		{"hidden, at a cut", []string{begin, hidden}, "It is [REDACTED]", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mark := h.Mark(t, h.Home.ID)
			h.Fake.Queue(providertest.Answer{Frames: tt.frames})
			answer := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", ""))
			got := readStream(t, answer.Body)
			got.hides(t, awsKey)
			if typed(got.text[0]) != tt.want {
				t.Errorf("got %q, want %q", got.text[0], tt.want)
			}
			if got.last != "[DONE]" {
				t.Errorf("the stream ends with %q", got.last)
			}
			records := h.Records(t, h.Home.ID, mark)
			if !tt.cut {
				if len(got.errors) != 0 || len(got.late) != 0 {
					t.Errorf("there are errors %q and late texts %q", got.errors, got.late)
				}
				wantPair(t, records, sallyport.OutcomeSuccess, "")
				return
			}
			// The error is the last event before [DONE]: what was held stands before it.
			if len(got.errors) != 1 || !strings.Contains(got.errors[0], `"code":"stream_error"`) || !strings.HasSuffix(answer.Body, got.errors[0]+"\n\n"+done) {
				t.Errorf("the end is %q", answer.Body)
			}
			wantPair(t, records, sallyport.OutcomeFailure, sallyport.UpstreamClosed)
			if want := int64(len([]rune(got.text[0]))); records[1].Delivered != want {
				t.Errorf("the record tells of %d characters, want %d", records[1].Delivered, want)
			}
		})
	}
}

// wantPair wants an intent and its outcome, and nothing else.
func wantPair(t *testing.T, records []sallyport.Record, outcome string, code sallyport.Code) {
	t.Helper()
	if len(records) != 2 || records[0].Phase != sallyport.PhaseIntent || records[1].Phase != sallyport.PhaseOutcome ||
		records[0].Call != records[1].Call || records[0].Call == "" {
		t.Fatalf("got records %+v, want one intent and its outcome", records)
	}
	if r := records[1]; r.Outcome != outcome || r.Code != code {
		t.Errorf("got outcome %q, code %q; want %q, %q", r.Outcome, r.Code, outcome, code)
	}
}

// Log-probabilities repeat the text: where that was changed they must go.
func TestStreamLogprobs(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	choice := func(token string) string {
		return `{"index":0,"delta":{"content":"` + token + `"},"logprobs":{"content":[{"token":"` + token + `","logprob":-1}]},"finish_reason":null}`
	}
	stop := frame(`{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}`)
	for _, tt := range []struct {
		name   string
		tokens []string
		want   []string // that are left
	}{
		{"unchanged", []string{"Some ", "plain ", "words. "}, []string{"Some ", "plain ", "words. "}},
		{"whole", []string{"Key ", awsKey, " is old. "}, []string{"Key "}},
		{"in pieces", []string{"Key ", awsKey[:5], awsKey[5:9], awsKey[9:], ". Yes. "}, []string{"Key "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var frames []string
			for _, token := range tt.tokens {
				frames = append(frames, frame(choice(token)))
			}
			h.Fake.Queue(providertest.Answer{Frames: append(frames, stop, done)})
			answer := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", `,"logprobs":true`)).Body
			got := readStream(t, answer)
			got.hides(t, awsKey)
			all := strings.Join(got.logged, "\n")
			for _, token := range tt.want {
				if !strings.Contains(all, `"token":"`+token+`"`) {
					t.Errorf("the log-probabilities of %q are lost: %s", token, all)
				}
			}
			for i := range len(awsKey) - 3 {
				if strings.Contains(all, awsKey[i:i+4]) {
					t.Errorf("log-probabilities tell of the key: %s", all)
				}
			}
		})
	}
	t.Run("plain answer", func(t *testing.T) {
		body := `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"` + awsKey +
			`"},"logprobs":{"content":[{"token":"` + awsKey + `","logprob":-1}]},"finish_reason":"stop"}]}`
		h.Fake.Queue(providertest.Answer{Body: body})
		answer := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", `,"logprobs":true`)).Body
		if strings.Contains(answer, awsKey) || !strings.Contains(answer, `"logprobs":null`) {
			t.Errorf("got %s", answer)
		}
	})
}

func TestStreamUsageOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for _, tt := range []struct {
		more string
		want int
	}{
		{``, 0},
		{`,"stream_options":null`, 0},
		{`,"stream_options":{}`, 0},
		{`,"stream_options":{"include_usage":false}`, 0},
		{`,"stream_options":{"include_usage":true}`, 1},
	} {
		mark := h.Mark(t, h.Home.ID)
		got := readStream(t, h.Chat(t, h.Home.User.Key, chatBody(true, "hello there", tt.more)).Body)
		got.whole(t, 1, "stop")
		if got.usages != tt.want {
			t.Errorf("with %s: %d chunks of usage, want %d", tt.more, got.usages, tt.want)
		}
		// The charge is a fact either way.
		records := h.Records(t, h.Home.ID, mark)
		wantPair(t, records, sallyport.OutcomeSuccess, "")
		want := &sallyport.RecordTokens{Input: providertest.UsageDefault.Input, Output: providertest.UsageDefault.Output, Source: "provider"}
		if !reflect.DeepEqual(records[1].Tokens, want) {
			t.Errorf("with %s: tokens %+v, want %+v", tt.more, records[1].Tokens, want)
		}
	}
}

// A policy that blocks ends a stream with a typed error, and nothing of the
// value or behind it goes out.
func TestStreamBlocked(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	setPolicy(t, h, func(p *dlp.Policy) { p.Out = map[string]dlp.Action{"secret": dlp.Block} })
	answer := "Before. " + awsKey + " and after it."
	for _, pieces := range splits(answer) {
		mark := h.Mark(t, h.Home.ID)
		h.Fake.Queue(providertest.Answer{Pieces: pieces})
		a := h.Chat(t, h.Home.User.Key, chatBody(true, "hello", ""))
		got := readStream(t, a.Body)
		got.hides(t, awsKey)
		if a.Status != http.StatusOK || len(got.errors) != 1 || got.last != "[DONE]" || !strings.HasPrefix("Before. ", got.text[0]) {
			t.Fatalf("cut as %q: got %d %q", pieces, a.Status, a.Body)
		}
		var failure struct {
			Error struct{ Message, Type, Code string }
		}
		if err := json.Unmarshal([]byte(got.errors[0]), &failure); err != nil || failure.Error.Code != "dlp_blocked" ||
			failure.Error.Type != "server_error" || strings.Contains(failure.Error.Message, awsKey) {
			t.Errorf("cut as %q: the error is %s", pieces, got.errors[0])
		}
		records := h.Records(t, h.Home.ID, mark)
		wantPair(t, records, sallyport.OutcomeBlocked, sallyport.DLPBlocked)
		if r := records[1]; r.Delivered != int64(len(got.text[0])) || r.Status != http.StatusOK || r.DLP.Action != string(dlp.Block) || r.Cost.Charge <= 0 {
			t.Errorf("cut as %q: the client got %q and the record tells %+v, %+v, %+v", pieces, got.text[0], r, r.DLP, r.Cost)
		}
		if t.Failed() {
			return
		}
	}
	t.Run("plain answer", func(t *testing.T) {
		mark := h.Mark(t, h.Home.ID)
		h.Fake.Queue(providertest.Answer{Text: answer})
		a := h.Chat(t, h.Home.User.Key, chatBody(false, "hello", ""))
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"dlp_blocked"`) || strings.Contains(a.Body, awsKey) {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		wantPair(t, h.Records(t, h.Home.ID, mark), sallyport.OutcomeBlocked, sallyport.DLPBlocked)
	})
	t.Run("request", func(t *testing.T) {
		setPolicy(t, h, blockSecrets)
		mark, asked := h.Mark(t, h.Home.ID), len(h.Fake.Requests())
		a := h.Chat(t, h.Home.User.Key, chatBody(true, "my key is "+awsKey, ""))
		if a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"dlp_blocked"`) || strings.Contains(a.Body, awsKey) {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		if len(h.Fake.Requests()) != asked {
			t.Error("the provider was asked")
		}
		wantRefusal(t, h.Records(t, h.Home.ID, mark), sallyport.DLPBlocked, 400)
		if balance, held := h.Balance(t, h.Home.ID); held != 0 || balance <= 0 {
			t.Errorf("the balance is %s and %s are held", balance, held)
		}
	})
}

func wantRefusal(t *testing.T, records []sallyport.Record, code sallyport.Code, status int) {
	t.Helper()
	if len(records) != 1 || records[0].Phase != sallyport.PhaseRefusal || records[0].Code != code || records[0].Status != status {
		t.Errorf("got records %+v, want one refusal with %s and %d", records, code, status)
	}
}

// A client that leaves in mid-stream is charged what was used as far as it can
// be known, in every dialect: the numbers that a provider tells at the beginning
// of its answer are no facts about its end.
func TestStreamClientLeaves(t *testing.T) {
	t.Parallel()
	for _, model := range []string{servertest.Model, servertest.Claude} {
		t.Run(model, func(t *testing.T) {
			h := servertest.New(t, servertest.Options{})
			mark := h.Mark(t, h.Home.ID)
			const words = 50
			pieces := make([]string, words)
			for i := range pieces {
				pieces[i] = "something long. "
			}
			h.Fake.Queue(providertest.Answer{Pieces: pieces, Fault: providertest.Stall, After: words})
			ctx, leave := context.WithCancel(t.Context())
			body := strings.Replace(chatBody(true, "hello", ""), servertest.Model, model, 1)
			resp, err := http.DefaultClient.Do(h.Request(ctx, t, h.Home.User.Key, http.MethodPost, "/v1/chat/completions", body))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			readUntil(t, resp.Body, "something long. ", words)
			leave()
			h.Fake.Wait(t, 1).WaitGone(t)
			records := h.WaitRecords(t, h.Home.ID, mark, 2)
			wantPair(t, records, sallyport.OutcomeClientLeft, sallyport.ClientClosed)
			r := records[1]
			if !r.Cost.Estimated || r.Tokens == nil || r.Tokens.Source != "estimated" || r.Tokens.Output < words*16/4 {
				t.Errorf("got cost %+v and tokens %+v, want an estimate of the %d characters that came", r.Cost, r.Tokens, words*16)
			}
		})
	}
}

// readUntil reads until the text has come n times.
func readUntil(t *testing.T, body io.Reader, text string, n int) {
	t.Helper()
	var all strings.Builder
	buf := make([]byte, 4<<10)
	for strings.Count(all.String(), text) < n {
		got, err := body.Read(buf)
		all.Write(buf[:got])
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
	}
}
