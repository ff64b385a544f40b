package provider

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/dialect/transcriptions"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// transcribing makes a request for a transcript of two seconds, as a client does.
func transcribing(t *testing.T, format, prompt string, stream bool) *llm.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"model", "m"}, {"response_format", format}, {"prompt", prompt}, {"stream", fmt.Sprint(stream)}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", "talk.mp3")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(make([]byte, 2*offlineSound))
	_ = form.Close()
	req, err := transcriptions.Decode(form.FormDataContentType(), body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestOffline_transcripts(t *testing.T) {
	o := offlineWith(t, "- {match: the talk, reply: Good evening.}")
	for _, test := range []struct{ format, prompt, want string }{
		{"json", "the talk", `{"text":"Good evening.","usage":{"type":"duration","seconds":2}}`},
		{"json", "", `{"text":"This is Sallyport's offline model: a script, not an AI. It cannot hear: the file talk.mp3 has 32000 bytes.","usage":{"type":"duration","seconds":2}}`},
		{"verbose_json", "the talk", `{"task":"transcribe","language":"english","duration":2,"text":"Good evening.","segments":[{"id":0,"start":0,"end":2,"text":"Good evening."}],"usage":{"type":"duration","seconds":2}}`},
		{"text", "the talk", "Good evening.\n"},
		{"srt", "the talk", "1\n00:00:00,000 --> 00:00:02,000\nGood evening.\n\n"},
		{"vtt", "the talk", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGood evening.\n\n"},
	} {
		req := transcribing(t, test.format, test.prompt, false)
		var got []byte
		_, err := o.Do(t.Context(), "m", req, func(e *llm.Event) (err error) {
			got, err = transcriptions.NewEncoder(req).Whole(e)
			return err
		})
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.format, got, err, test.want)
		}
	}
	var heard offlineHeard
	if _, err := o.Do(t.Context(), "m", transcribing(t, "json", "the talk", true), heard.take); err != nil {
		t.Fatal(err)
	}
	if strings.Join(heard.pieces, "|") != "Good |evening." || !heard.done || heard.usage.AudioSeconds != 2 {
		t.Errorf("streamed: %+v", heard)
	}
}
