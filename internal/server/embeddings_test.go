package server_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tiktoken-go/tokenizer/codec"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

func embed(t *testing.T, h *servertest.House, model, rest string) servertest.Answer {
	t.Helper()
	return h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/embeddings", `{"model":"`+model+`",`+rest+`}`)
}

const vectors = `{ "object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAEA="},{"object":"embedding","index":1,"embedding":[0.25,-1e-3]}],"model":"theirs","usage":{"prompt_tokens":7,"total_tokens":7}}`

// Texts go out and vectors come back as they are, but for what policy hides; the
// charge is what the provider counted.
func TestEmbeddings(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	h.Fake.Queue(providertest.Answer{Body: vectors})
	a := embed(t, h, servertest.Model, `"input":["one \u00e9","mail ann@example.test"],"dimensions":256,"encoding_format":"base64","metadata":{"a":"b"},"extra":1`)
	if a.Status != http.StatusOK || a.Body != vectors {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	got := lastRequest(h)
	if got.Path != "/v1/embeddings" || strings.Contains(string(got.Body), "ann@") || strings.Contains(string(got.Body), "metadata") ||
		!strings.HasPrefix(string(got.Body), `{"model":"target-large","input":["one \u00e9","mail `) || !strings.HasSuffix(string(got.Body), `"encoding_format":"base64","extra":1}`) {
		t.Errorf("the provider got %s at %s", got.Body, got.Path)
	}
	records := h.Records(t, h.Home.ID, 0)
	last := records[len(records)-1]
	if last.Action != "embeddings" || last.Outcome != sallyport.OutcomeSuccess || last.Tokens == nil || last.Tokens.Input != 7 || last.Tokens.Output != 0 || last.Cost.Charge == 0 || last.Cost.Overrun {
		t.Errorf("the trail tells %+v with %+v and %+v", last, last.Tokens, last.Cost)
	}
	if _, held := h.Balance(t, h.Home.ID); held != 0 {
		t.Errorf("%s credits stay held", held)
	}
}

func TestEmbeddingsRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	for name, tt := range map[string]struct {
		model, rest, want string
	}{
		"no input":                    {servertest.Model, `"dimensions":2`, "invalid_body"},
		"an empty text":               {servertest.Model, `"input":["a",""]`, "invalid_body"},
		"no texts":                    {servertest.Model, `"input":[]`, "invalid_body"},
		"texts and tokens":            {servertest.Model, `"input":["a",1]`, "invalid_body"},
		"numbers that are no ids":     {servertest.Model, `"input":[1.5]`, "invalid_body"},
		"a format":                    {servertest.Model, `"input":"a","encoding_format":"int8"`, "invalid_body"},
		"dimensions":                  {servertest.Model, `"input":"a","dimensions":0`, "invalid_body"},
		"another case":                {servertest.Model, `"input":"a","Input":"b"`, "invalid_body"},
		"a field of answers":          {servertest.Model, `"input":"a","object":"4111111111111111"`, "invalid_body"},
		"a list of answers":           {servertest.Model, `"input":"a","data":{"embedding":"4111111111111111"}`, "invalid_body"},
		"where it is sent":            {servertest.Model, `"input":"a","api_base":"http://example.test"`, "invalid_body"},
		"tokens, which nobody reads":  {servertest.Model, `"input":[[17,42]]`, "dlp_blocked"},
		"lists of lists of tokens":    {servertest.Model, `"input":[[[17]]]`, "invalid_body"},
		"a list of no tokens":         {servertest.Model, `"input":[[17],[]]`, "invalid_body"},
		"who has none":                {servertest.Claude, `"input":"a"`, "unsupported_parameter"},
		"a model that does not exist": {"nobody's", `"input":"a"`, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := embed(t, h, tt.model, tt.rest); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"`+tt.want+`"`) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
	if n := len(h.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// tokensOf returns texts as clients send them that tokenise first.
func tokensOf(t *testing.T, texts ...string) string {
	t.Helper()
	lists := make([]string, len(texts))
	for i, text := range texts {
		ids, _, err := codec.NewCl100kBase().Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		lists[i] = strings.ReplaceAll(fmt.Sprint(ids), " ", ",")
	}
	return strings.Join(lists, ", ")
}

// spaces are n tokens of the longest text that one can have: 128 spaces.
func spaces(n int) string { return strings.Repeat("58040,", n-1) + "58040" }

// Tokens are read as the texts that they are: what policy lets through goes out byte for
// byte, where it hides something texts go out in their place, in their order.
func TestEmbeddings_of_tokens(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Embedder: true})
	for name, tt := range map[string]struct {
		input string
		sent  string // a pattern; "": as it came
	}{
		"one text":               {tokensOf(t, "no secret"), ""},
		"several":                {"[" + tokensOf(t, "no secret", "nor {\"a\": 1} here") + "]", ""},
		"a character cut in two": {"[[9468],[234,235]]", ""},
		"a few that are long":    {"[[" + spaces(300) + "],[" + spaces(200) + "]]", ""},
		"one that is changed":    {tokensOf(t, "mail ann@example.test now"), `"mail ⟦EMAIL_ADDRESS:[a-z0-9]{12}⟧ now"`},
		"one of several":         {"[" + tokensOf(t, "to \"Bob\"", "mail ann@example.test", "\n") + "]", `\["to \\"Bob\\"","mail ⟦EMAIL_ADDRESS:[a-z0-9]{12}⟧","\\n"\]`},
	} {
		t.Run(name, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Body: vectors})
			if a := embed(t, h, servertest.Embedder, `"input": `+tt.input+` ,"user":"u"`); a.Status != http.StatusOK || a.Body != vectors {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			want := tt.sent
			if want == "" {
				want = regexp.QuoteMeta(tt.input)
			}
			got := string(lastRequest(h).Body)
			if !regexp.MustCompile(`^\{"model":"text-embedding-3-small","input": ` + want + ` ,"user":"u"\}$`).MatchString(got) {
				t.Errorf("the provider got %s, want %s", got, want)
			}
		})
	}
}

func TestEmbeddings_of_tokens_refused(t *testing.T) {
	t.Parallel()
	o := servertest.Options{Embedder: true}
	o.Limits.DLP = dlp.DefaultPolicy()
	o.Limits.DLP.In = map[string]dlp.Action{"*": dlp.Block}
	h := servertest.New(t, o)
	for name, tt := range map[string]struct{ model, input, want string }{
		"a secret":         {servertest.Embedder, "[" + tokensOf(t, "a", "ann@example.test") + "]", "1 EMAIL_ADDRESS"},
		"an unknown token": {servertest.Embedder, "[[17],[17,100277]]", "input[1] has one that the model does not know"},
		"a mark":           {servertest.Embedder, "[100257]", "input has one that the model does not know"},
		"an unknown model": {servertest.Model, "[17]", "it is not known how the model reads them"},
		"too long a text":  {servertest.Embedder, "[[" + spaces(2_000) + "],[17]]", "more than 110 KiB of text"},
		"too long texts":   {servertest.Embedder, "[" + strings.Repeat("["+spaces(100)+"],", 20) + "[17]]", "more than 111 KiB of text"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := embed(t, h, tt.model, `"input":`+tt.input); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"code":"dlp_blocked"`) || !strings.Contains(a.Body, tt.want) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
	if n := len(h.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// A policy that lets through what nobody can read lets nothing through unread that could be.
func TestEmbeddings_of_tokens_unread(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Embedder: true})
	card := tokensOf(t, "4111 1111 1111 1111")
	odd, long := "["+card+",[100257]]", "["+card+",["+spaces(2_000)+"]]"
	for name, tt := range map[string]struct {
		mode, model, input string
		want               int
	}{
		"an unknown token": {dlp.Enforce, servertest.Embedder, odd, http.StatusBadRequest},
		"too long a text":  {dlp.Enforce, servertest.Embedder, long, http.StatusBadRequest},
		"an unknown model": {dlp.Enforce, servertest.Model, odd, http.StatusOK},
		"observed":         {dlp.Observe, servertest.Embedder, odd, http.StatusOK},
		"not looked at":    {dlp.Off, servertest.Embedder, odd, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			setPolicy(t, h, func(p *dlp.Policy) { p.Mode, p.Unreadable = tt.mode, dlp.UnreadableAllow })
			h.Fake.Queue(providertest.Answer{Body: vectors})
			a := embed(t, h, tt.model, `"input":`+tt.input)
			if a.Status != tt.want || strings.Contains(a.Body, `"code":"dlp_blocked"`) != (tt.want == http.StatusBadRequest) {
				t.Errorf("got %d %s, want %d", a.Status, a.Body, tt.want)
			}
		})
	}
}

// What is held for tokens is their number; where texts go out in their place, it is a bound.
func TestEmbeddings_of_tokens_held(t *testing.T) {
	t.Parallel()
	const usage = `{"object":"list","data":[],"model":"m"}` // tells no usage, so that the estimate is charged
	for name, tt := range map[string]struct {
		text        string
		least, most sallyport.Credits
	}{
		"counted": {"one two three four", 4, 4},
		"changed": {"mail ann@example.test", 10, 30},
	} {
		t.Run(name, func(t *testing.T) {
			h := servertest.New(t, servertest.Options{Embedder: true})
			h.Fake.Queue(providertest.Answer{Body: usage})
			if a := embed(t, h, servertest.Embedder, `"input":`+tokensOf(t, tt.text)); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			records := h.Records(t, h.Home.ID, 0)
			last := records[len(records)-1]
			if c := last.Cost; c.Charge < tt.least || c.Charge > tt.most || !c.Estimated || c.Overrun {
				t.Errorf("the trail tells %+v", c)
			}
		})
	}
}

// The hold bounds what goes out, also where what replaces a value is longer than that.
func TestEmbeddings_held_changed(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Embedder: true})
	text := strings.Repeat("a@b.example ", 20)
	for name, input := range map[string]string{"tokens": tokensOf(t, text), "text": `"` + text + `"`} {
		t.Run(name, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Body: vectors})
			if a := embed(t, h, servertest.Embedder, `"input":`+input); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			sent := len(lastRequest(h).Body) - len("text-embedding-3-small") + len(servertest.Embedder)
			records := h.Records(t, h.Home.ID, 0)
			if hold := records[len(records)-1].Cost.Hold; sent < 500 || hold < sallyport.Credits(sent) {
				t.Errorf("%d are held for %d bytes", hold, sent)
			}
		})
	}
}

// Where a policy lets values leave, what is kept of the tokens does not tell them.
func TestEmbeddings_of_tokens_kept(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{dlp.Enforce, dlp.Observe, dlp.Off} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{Embedder: true})
			keepContent(t, h, sallyport.ContentRequest)
			setPolicy(t, h, func(p *dlp.Policy) { p.Mode = mode })
			tokens := tokensOf(t, "the walrus has "+email)
			h.Fake.Queue(providertest.Answer{Body: vectors})
			if a := embed(t, h, servertest.Embedder, `"input":`+tokens); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			if sent := string(lastRequest(h).Body); strings.Contains(sent, tokens) != (mode != dlp.Enforce) {
				t.Errorf("the provider got %s", sent)
			}
			if kept := lastContent(t, h).Request.Text; strings.Contains(kept, tokens) || !strings.Contains(kept, "the walrus has ") {
				t.Errorf("kept is %s", kept)
			}
		})
	}
}

// Of tokens that nobody read nothing is kept, wherever they may go.
func TestEmbeddings_of_tokens_withheld(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ mode, model, last string }{
		"enforced, an unknown model": {dlp.Enforce, servertest.Model, "[17]"},
		"observed, an unknown model": {dlp.Observe, servertest.Model, "[17]"},
		"off, an unknown model":      {dlp.Off, servertest.Model, "[17]"},
		"observed, an unknown token": {dlp.Observe, servertest.Embedder, "[100257]"},
		"off, an unknown token":      {dlp.Off, servertest.Embedder, "[100257]"},
		"off, too long a text":       {dlp.Off, servertest.Embedder, "[" + spaces(2_000) + "]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := servertest.New(t, servertest.Options{Embedder: true})
			keepContent(t, h, sallyport.ContentRequest)
			setPolicy(t, h, func(p *dlp.Policy) { p.Mode, p.Unreadable = tt.mode, dlp.UnreadableAllow })
			h.Fake.Queue(providertest.Answer{Body: vectors})
			if a := embed(t, h, tt.model, `"input":[`+tokensOf(t, "the walrus has "+email)+","+tt.last+"]"); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			if kept := lastContent(t, h).Request; !kept.Withheld || kept.Text != "" {
				t.Errorf("kept is %+v", kept)
			}
		})
	}
}
