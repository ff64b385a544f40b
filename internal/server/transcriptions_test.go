package server_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/policy"
	"github.com/sallyport-ai/sallyport/internal/provider/providertest"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// sound is no text and not UTF-8; for all that anybody here knows it lasts two seconds.
var sound = append([]byte("ID3\xff\xfb"), bytes.Repeat([]byte{0, 0xff}, 450)...)

// form writes a form of fields, each a name and a value; the value of file is the
// file's name.
func form(t testing.TB, data []byte, fields ...[2]string) (body, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, f := range fields {
		if f[0] != "file" {
			must(t, w.WriteField(f[0], f[1]))
			continue
		}
		part, err := w.CreateFormFile("file", f[1])
		must(t, err)
		_, err = part.Write(data)
		must(t, err)
	}
	must(t, w.Close())
	return out.String(), w.FormDataContentType()
}

func postForm(t testing.TB, h *servertest.House, key, path string, data []byte, fields ...[2]string) servertest.Answer {
	t.Helper()
	body, contentType := form(t, data, fields...)
	r := h.Request(t.Context(), t, key, http.MethodPost, path, body)
	r.Header.Set("Content-Type", contentType)
	return h.Send(t, r)
}

func transcribe(t testing.TB, h *servertest.House, model string, more ...[2]string) servertest.Answer {
	t.Helper()
	fields := append([][2]string{{"file", "talk.mp3"}, {"model", model}}, more...)
	return postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", sound, fields...)
}

// hiding hides what is found in answers.
func hiding() servertest.Options {
	rules := dlp.DefaultPolicy()
	rules.Out = map[string]dlp.Action{"*": dlp.Redact}
	return servertest.Options{Limits: policy.Defaults{DLP: rules}, Whisper: true}
}

func lastRecord(t testing.TB, h *servertest.House) sallyport.Record {
	t.Helper()
	records := h.Records(t, h.Home.ID, 0)
	return records[len(records)-1]
}

// The form goes out as it came but for the model and what policy hides, the sound
// byte for byte; the transcript comes back as it is, and the charge is what the
// provider counted.
func TestTranscriptions(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true})
	const whole = "{\n \"text\":\"Hello <there>.\",\"usage\":{\"type\":\"duration\",\"seconds\":2}, \"more\":[1.0]}"
	h.Fake.Queue(providertest.Answer{Body: whole})
	a := transcribe(t, h, servertest.Whisper, [2]string{"prompt", "Mail ann@example.test about Smør"}, [2]string{"timestamp_granularities[]", "word"},
		[2]string{"timestamp_granularities[]", "segment"}, [2]string{"unknown", "x"}, [2]string{"metadata", "secret"})
	if a.Status != http.StatusOK || a.Body != whole || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	got := lastRequest(h)
	if got.Path != "/v1/audio/transcriptions" || got.Model != "target-whisper" || got.Form == nil {
		t.Fatalf("the provider got %s for %q", got.Path, got.Model)
	}
	values := got.Form.Value
	if prompt := values["prompt"][0]; strings.Contains(prompt, "ann@") || !strings.HasPrefix(prompt, "Mail ⟦EMAIL_ADDRESS:") || !strings.HasSuffix(prompt, "⟧ about Smør") {
		t.Errorf("the provider got the prompt %q", prompt)
	}
	if strings.Join(values["timestamp_granularities[]"], " ") != "word segment" || values["unknown"][0] != "x" || values["metadata"] != nil {
		t.Errorf("the provider got %v", values)
	}
	file := got.Form.File["file"][0]
	opened, err := file.Open()
	must(t, err)
	data, err := io.ReadAll(opened)
	must(t, err)
	if file.Filename != "talk.mp3" || file.Header.Get("Content-Type") != "application/octet-stream" || !bytes.Equal(data, sound) {
		t.Errorf("the provider got the file %q of %d bytes, %v", file.Filename, len(data), file.Header)
	}
	last := lastRecord(t, h)
	if last.Action != "audio.transcriptions" || last.Route != "POST /v1/audio/transcriptions" || last.Outcome != sallyport.OutcomeSuccess ||
		last.Tokens == nil || last.Tokens.AudioSeconds != 2 || last.Tokens.Source != "provider" || last.Cost.Charge != 200 || last.Cost.Hold != 200 || last.Cost.Estimated {
		t.Errorf("the trail tells %+v with %+v and %+v", last, last.Tokens, last.Cost)
	}
	if _, held := h.Balance(t, h.Home.ID); held != 0 {
		t.Errorf("%s credits stay held", held)
	}
}

// What the provider says it heard is what is charged, in the price's own count; what
// it does not say is charged at the bound.
func TestTranscriptionsCharge(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true})
	for name, tt := range map[string]struct {
		model, body string
		charge      sallyport.Credits
		estimated   bool
	}{
		"seconds of a model priced by time":      {servertest.Whisper, `{"text":"x","usage":{"type":"duration","seconds":1.2}}`, 200, false},
		"duration alone":                         {servertest.Whisper, `{"text":"x","duration":"0.9"}`, 100, false},
		"tokens of a model priced by time":       {servertest.Whisper, `{"text":"x","usage":{"type":"tokens","input_tokens":9,"output_tokens":1}}`, 200, true},
		"nothing of a model priced by time":      {servertest.Whisper, `{"text":"x"}`, 200, true},
		"tokens":                                 {servertest.Model, `{"text":"x","usage":{"type":"tokens","input_tokens":14,"output_tokens":45}}`, 14 + 2*45, false},
		"nothing of a model priced by tokens":    {servertest.Model, `{"text":"x"}`, 118, true},
		"a count that is none":                   {servertest.Model, `{"text":"x","usage":{"type":"tokens","input_tokens":-14,"output_tokens":45}}`, 118, true},
		"Mistral's":                              {servertest.Model, `{"text":"x","usage":{"prompt_audio_seconds":2,"prompt_tokens":4,"completion_tokens":5,"total_tokens":9}}`, 4 + 2*5, false},
		"seconds of a model priced by tokens":    {servertest.Model, `{"text":"x","usage":{"type":"duration","seconds":2}}`, 2 * 13, false},
		"more than the file can hold":            {servertest.Whisper, `{"text":"x","usage":{"type":"duration","seconds":3}}`, 300, false},
		"much more than any file could, clamped": {servertest.Whisper, `{"text":"x","usage":{"type":"duration","seconds":1e9}}`, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Body: tt.body})
			if a := transcribe(t, h, tt.model); a.Status != http.StatusOK {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			cost := lastRecord(t, h).Cost
			if cost.Charge != tt.charge || cost.Estimated != tt.estimated || cost.Overrun != (cost.Charge > cost.Hold) {
				t.Errorf("the trail tells %+v", cost)
			}
		})
	}
}

// Where the bytes of a file tell how long it is, that is held, and charged when the provider
// tells nothing: of subtitles too, whose end is not that of the sound, and of what breaks off.
func TestTranscriptionsMeasured(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true})
	frame := append([]byte{0xff, 0xfb, 0x90, 0x64}, make([]byte, 413)...) // of MP3: 26.12 ms
	talk := bytes.Repeat(frame, 50)
	for name, tt := range map[string]struct {
		answer providertest.Answer
		field  [2]string
	}{
		"text":   {providertest.Answer{Body: "Hello.\n"}, [2]string{"response_format", "text"}},
		"srt":    {providertest.Answer{Body: "1\n00:00:00,000 --> 00:00:00,500\nHello\n\n"}, [2]string{"response_format", "srt"}},
		"broken": {providertest.Answer{Frames: []string{"data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hel\"}\n\n"}}, [2]string{"stream", "true"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.Fake.Queue(tt.answer)
			postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", talk, [2]string{"file", "talk.mp3"}, [2]string{"model", servertest.Whisper}, tt.field)
			if cost := lastRecord(t, h).Cost; cost.Hold != 200 || cost.Charge != 200 || !cost.Estimated {
				t.Errorf("the trail tells %+v, want two seconds", cost)
			}
		})
	}
}

// Nothing of a value that policy hides comes back, in whatever form.
func TestTranscriptionsScreened(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, hiding())
	for name, tt := range map[string]struct{ format, body, want string }{
		"json": {"json", `{"text":"My card is 4111 1111 1111 1111.","logprobs":[{"token":"4111"}]}`,
			`{"text":"My card is [REDACTED:CREDIT_CARD].","logprobs":[]}`},
		"text": {"text", "My card is 4111 1111 1111 1111.\n", "My card is [REDACTED:CREDIT_CARD].\n"},
		"verbose": {"verbose_json",
			`{"text":"My card is 4111 1111 1111 1111, yes.","segments":[{"id":0,"text":" My card is 4111 1111","tokens":[19,47]},{"id":1,"text":" 1111 1111, yes.","tokens":[5]}],"words":[{"word":"4111","start":0.5}],"duration":2}`,
			`{"text":"My card is [REDACTED:CREDIT_CARD], yes.","segments":[{"id":0,"text":" My card is [REDACTED:CREDIT_CARD]","tokens":[]},{"id":1,"text":", yes.","tokens":[]}],"words":[],"duration":2}`},
		"words in segments": {"verbose_json",
			`{"text":"Card 4111 1111 1111 1111","segments":[{"text":"Card 4111 1111 1111 1111","words":[{"word":"4111"},{"word":"1111"}]}]}`,
			`{"text":"Card [REDACTED:CREDIT_CARD]","segments":[{"text":"Card [REDACTED:CREDIT_CARD]","words":[]}]}`},
		"srt": {"srt",
			"1\r\n00:00:00,000 --> 00:00:02,000\r\nMy card is 4111 1111\r\n\r\n2\r\n00:00:02,000 --> 00:00:04,000\r\n1111 1111, yes.\r\n\r\n",
			"1\r\n00:00:00,000 --> 00:00:02,000\r\nMy card is [REDACTED:CREDIT_CARD]\r\n\r\n2\r\n00:00:02,000 --> 00:00:04,000\r\n, yes.\r\n\r\n"},
		"vtt": {"vtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nMail ann@example.test\nnow\n", "WEBVTT\n\n00:00.000 --> 00:02.000\nMail [REDACTED:EMAIL_ADDRESS]\nnow\n"},
		"nothing to hide": {"verbose_json",
			`{"text":"Call me at 41 or write ann","segments":[{"text":" Call me at 41"},{"text":" or write ann"}],"words":[{"word":"Call"}]}`,
			`{"text":"Call me at 41 or write ann","segments":[{"text":" Call me at 41"},{"text":" or write ann"}],"words":[{"word":"Call"}]}`},
		"subtitles with nothing to hide": {"srt", "1\n00:00:00,000 --> 00:00:02,000\nseven\n\n2\n00:00:02,000 --> 00:00:04,000\n2\n", "1\n00:00:00,000 --> 00:00:02,000\nseven\n\n2\n00:00:02,000 --> 00:00:04,000\n2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h.Fake.Queue(providertest.Answer{Body: tt.body})
			a := transcribe(t, h, servertest.Whisper, [2]string{"response_format", tt.format})
			if a.Status != http.StatusOK || a.Body != tt.want {
				t.Errorf("got %d %q\nwant %q", a.Status, a.Body, tt.want)
			}
			if strings.HasSuffix(tt.format, "json") != (a.Header.Get("Content-Type") == "application/json") {
				t.Errorf("the type is %s", a.Header.Get("Content-Type"))
			}
		})
	}
}

// A stream goes out event by event, and what policy hides does not, however it was cut.
func TestTranscriptionsStream(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, hiding())
	event := func(json string) string { return "data: " + json + "\n\n" }
	h.Fake.Queue(providertest.Answer{Frames: []string{
		event(`{"type":"transcript.text.delta","delta":"Hello, 4111 1111","logprobs":[{"token":"4111"}]}`),
		event(`{"type":"transcript.text.delta","delta":" 1111 1111."}`),
		event(`{"type":"transcript.text.segment","id":"s1","text":"Hello, 4111 1111","speaker":"A"}`),
		event(`{"type":"transcript.text.segment","id":"s2","text":" 1111 1111.","speaker":"B"}`),
		event(`{"type":"transcript.text.done","text":"Hello, 4111 1111 1111 1111.","usage":{"type":"tokens","input_tokens":14,"output_tokens":9}}`),
	}})
	a := transcribe(t, h, servertest.Model, [2]string{"stream", "true"})
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream") || strings.Contains(a.Body, "1111") ||
		!strings.Contains(a.Body, `"delta":"Hello, "`) || !strings.Contains(a.Body, `"text":"Hello, [REDACTED:CREDIT_CARD].","usage"`) || strings.Contains(a.Body, `"4111"`) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if last := lastRecord(t, h); last.Outcome != sallyport.OutcomeSuccess || last.Tokens.Input != 14 || last.Tokens.Output != 9 || last.Cost.Charge != 14+2*9 {
		t.Errorf("the trail tells %+v %+v", last.Tokens, last.Cost)
	}
	h.Fake.Queue(providertest.Answer{Frames: []string{event(`{"type":"transcript.text.delta","delta":"half"}`), event(`{"error":{"message":"it broke"}}`)}})
	a = transcribe(t, h, servertest.Model, [2]string{"stream", "true"})
	if !strings.Contains(a.Body, `"delta":"half"`) || !strings.Contains(a.Body, "event: error") || strings.Contains(a.Body, "text.done") {
		t.Errorf("got %s", a.Body)
	}
}

func TestTranscriptionsRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true})
	file, model := [2]string{"file", "talk.mp3"}, [2]string{"model", servertest.Whisper}
	for name, tt := range map[string]struct {
		fields []([2]string)
		status int
		want   string
	}{
		"no file":                     {[][2]string{model}, 400, "invalid_body"},
		"two files":                   {[][2]string{file, file, model}, 400, "invalid_body"},
		"no model":                    {[][2]string{file}, 400, "invalid_body"},
		"two models":                  {[][2]string{file, model, model}, 400, "invalid_body"},
		"another case":                {[][2]string{file, model, {"Model", "other"}}, 400, "invalid_body"},
		"a list of models":            {[][2]string{file, model, {"model[]", "other"}}, 400, "invalid_body"},
		"a format":                    {[][2]string{file, model, {"response_format", "xml"}}, 400, "invalid_body"},
		"a temperature":               {[][2]string{file, model, {"temperature", "hot"}}, 400, "invalid_body"},
		"streamed subtitles":          {[][2]string{file, model, {"response_format", "srt"}, {"stream", "true"}}, 400, "invalid_body"},
		"a language":                  {[][2]string{file, model, {"language", "4111111111111111"}}, 400, "invalid_body"},
		"a duration":                  {[][2]string{file, model, {"duration", "4111111111111111"}}, 400, "invalid_body"},
		"a type":                      {[][2]string{file, model, {"type", "AKIAIOSFODNN7EXAMPLE"}}, 400, "invalid_body"},
		"where it is sent":            {[][2]string{file, model, {"api_base", "http://example.test"}}, 400, "invalid_body"},
		"who has none":                {[][2]string{file, {"model", servertest.Claude}}, 400, "unsupported_parameter"},
		"a model that does not exist": {[][2]string{file, {"model", "nobody's"}}, 400, "model_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			a := postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", sound, tt.fields...)
			if a.Status != tt.status || !strings.Contains(a.Body, `"code":"`+tt.want+`"`) || !strings.Contains(a.Body, `{"error":{"message":`) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
	if a := postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", make([]byte, 25<<20+1), file, model); a.Status != http.StatusRequestEntityTooLarge || !strings.Contains(a.Body, "25 MB") {
		t.Errorf("a file over the bound: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodPost, "/v1/audio/transcriptions", `{"model":"x"}`); a.Status != http.StatusBadRequest {
		t.Errorf("JSON: %d %s", a.Status, a.Body)
	}
	if n := len(h.Fake.Requests()); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
	const refusal = `{"error":{"message":"too long","type":"invalid_request_error"}}`
	h.Fake.Queue(providertest.Answer{Status: 400, Header: map[string]string{"Content-Type": "application/json"}, Body: refusal})
	if a := transcribe(t, h, servertest.Whisper); a.Status != 400 || a.Body != refusal || lastRecord(t, h).Cost.Charge != 0 {
		t.Errorf("the provider's refusal: %d %s, %+v", a.Status, a.Body, lastRecord(t, h).Cost)
	}
}

// A repeat with an Idempotency-Key is known although clients cut the form anew.
func TestTranscriptionsOnce(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true})
	h.Fake.Queue(providertest.Answer{Body: "Hello.\n"})
	post := func(data []byte) servertest.Answer {
		body, contentType := form(t, data, [2]string{"file", "a.mp3"}, [2]string{"model", servertest.Whisper}, [2]string{"response_format", "text"})
		r := h.Request(t.Context(), t, h.Home.User.Key, http.MethodPost, "/v1/audio/transcriptions", body)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Idempotency-Key", "k-1")
		return h.Send(t, r)
	}
	for _, replayed := range []string{"", "true"} {
		a := post(sound)
		if a.Status != http.StatusOK || a.Body != "Hello.\n" || a.Header.Get("Idempotent-Replayed") != replayed || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("got %d %q %v", a.Status, a.Body, a.Header)
		}
	}
	if a := post(append([]byte("x"), sound...)); a.Status != http.StatusConflict {
		t.Errorf("other sound under the key: %d %s", a.Status, a.Body)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Limits of tokens go by what sound probably has, not by the most that it could.
func TestTranscriptionsLimited(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{Whisper: true, Limits: policy.Defaults{Key: policy.Limits{TokensPerMinute: 5000}}})
	h.Fake.Queue(providertest.Answer{Body: `{"text":"x","usage":{"type":"duration","seconds":60}}`})
	fields := [][2]string{{"file", "long.mp3"}, {"model", servertest.Whisper}}
	if a := postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", make([]byte, 1<<20), fields...); a.Status != http.StatusOK {
		t.Errorf("two minutes of sound: %d %s", a.Status, a.Body)
	}
	if a := postForm(t, h, h.Home.User.Key, "/v1/audio/transcriptions", make([]byte, 8<<20), fields...); a.Status != http.StatusTooManyRequests {
		t.Errorf("a quarter of an hour of it: %d %s", a.Status, a.Body)
	}
}
