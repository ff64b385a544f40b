package transcriptions

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Whatever a client sends is refused or goes out so that it reads the same there.
func FuzzForm(f *testing.F) {
	const contentType = "multipart/form-data; boundary=b"
	part := func(disposition, value string) string {
		return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
	}
	sound := part(`name="file"; filename="a\"b.mp3"`, "\x00\xff\r\n--")
	f.Add([]byte(sound + part(`name="model"`, "m") + part(`name="x[]"`, "1") + part(`name="x[]"`, "2\n") + "--b--\r\n"))
	f.Add([]byte(part(`name="model"`, "m") + part(`name="a\"b\\"`, "é") + sound + "--b--\r\n"))
	f.Add([]byte(part(`name="model"`, "m") + part(`name="Model"`, "n") + sound + "--b--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := Decode(contentType, body)
		if err != nil {
			if code := sallyport.CodeOf(err); code != sallyport.InvalidBody && code != sallyport.BodyTooLarge {
				t.Fatalf("got %v", err)
			}
			return
		}
		sent, contentType := Encode(req, req.Model)
		again, err := Decode(contentType, sent)
		if err != nil {
			t.Fatalf("what goes out cannot be read: %v\n%q", err, sent)
		}
		if !bytes.Equal(again.Audio.Data, req.Audio.Data) || !bytes.Equal(again.Body.Raw(), without(t, req)) {
			t.Fatalf("came  %s\nwent  %s", req.Body.Raw(), again.Body.Raw())
		}
	})
}

// without is the body of req less what never goes out.
func without(t *testing.T, req *llm.Request) []byte {
	t.Helper()
	return req.Body.Encode(llm.Reshape(req.Body.Root(), wire.Removed, nil)...)
}

// However subtitles are written, nothing of them is lost and no speech is frame.
func FuzzSubtitles(f *testing.F) {
	f.Add("WEBVTT\n\n00:00.000 --> 00:02.000\nHello\nthere\n\n")
	f.Add("1\r\n00:00:00,000 --> 00:00:02,000\r\n 4111 1111 \r\n\r\n2")
	f.Add("4111111111111111\n\nWEBVTT --> x\n")
	f.Fuzz(func(t *testing.T, body string) {
		told := subtitles(body)
		var joined, frames strings.Builder
		for _, c := range told.Cues {
			joined.WriteString(c.Frame + c.Text)
			frames.WriteString(c.Frame)
		}
		if joined.String() != body {
			t.Fatalf("got %q of %q", joined.String(), body)
		}
		if letters := strings.Trim(strings.Replace(frames.String(), "WEBVTT", "", 1), "0123456789:.,-> \t\r\n"); letters != "" {
			t.Fatalf("%q is taken for frame", letters)
		}
	})
}

// No policy reads the head of a part, so what a client says of the type of its file is
// a type when it goes out, and nothing else.
func TestSoundType(t *testing.T) {
	for declared, want := range map[string]string{
		"":                         "",
		"audio/mpeg":               "audio/mpeg",
		"Audio/X-WAV":              "audio/x-wav",
		"audio/webm; codecs=opus":  "audio/webm",
		"video/mp4":                "video/mp4",
		"application/octet-stream": "application/octet-stream",
		`audio/mpeg; name="card 4111 1111 1111 1111"`: "audio/mpeg",
		"my card is 4111 1111 1111 1111":              "application/octet-stream",
		"text/plain":                                  "application/octet-stream",
		"audio/" + strings.Repeat("a", 33):            "application/octet-stream",
		"audio/ann@example.test":                      "application/octet-stream",
	} {
		if got := soundType(declared); got != want {
			t.Errorf("of %q: got %q, want %q", declared, got, want)
		}
	}
}
