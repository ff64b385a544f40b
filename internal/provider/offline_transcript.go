package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport/internal/dialect/transcriptions"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// offlineTranscript writes an answer of the offline model as a transcript.
type offlineTranscript struct {
	req    *llm.Request
	pieces []string
}

// offlineSound is how many bytes of sound the offline model takes for a second.
const offlineSound = 16_000

func (t offlineTranscript) seconds() int {
	return (len(t.req.Audio.Data) + offlineSound - 1) / offlineSound
}

// The objects of the dialect.
type (
	wireTranscript struct {
		Type     string        `json:"type,omitempty"` // of an event
		Task     string        `json:"task,omitempty"`
		Language string        `json:"language,omitempty"`
		Duration int           `json:"duration,omitempty"`
		Delta    string        `json:"delta,omitempty"`
		Text     *string       `json:"text,omitempty"`
		Segments []wireSegment `json:"segments,omitempty"`
		Usage    *wireDuration `json:"usage,omitempty"`
	}
	wireSegment struct {
		ID    int    `json:"id"`
		Start int    `json:"start"`
		End   int    `json:"end"`
		Text  string `json:"text"`
	}
	wireDuration struct {
		Type    string `json:"type"`
		Seconds int    `json:"seconds"`
	}
)

// push pushes the transcript in the form that was asked for. With cut a stream ends
// without its end after so many pieces, and a plain answer does not come at all.
func (t offlineTranscript) push(ctx context.Context, cut *int, out llm.Sink) error {
	switch {
	case t.req.Stream:
		return t.stream(ctx, cut, out)
	case cut != nil:
		return errOfflineCut
	}
	format := transcriptions.Format(t.req)
	doc, err := transcriptions.Document(format, t.body(format))
	if err != nil {
		return err
	}
	var e llm.Event
	if err := transcriptions.DecodeWhole(doc, &e); err != nil {
		return err
	}
	return out(&e)
}

func (t offlineTranscript) body(format string) []byte {
	text := strings.Join(t.pieces, "")
	end := time.Time{}.Add(time.Duration(t.seconds()) * time.Second).Format("15:04:05")
	switch format {
	case "text":
		return []byte(text + "\n")
	case "srt":
		return fmt.Appendf(nil, "1\n00:00:00,000 --> %s,000\n%s\n\n", end, text)
	case "vtt":
		return fmt.Appendf(nil, "WEBVTT\n\n00:00:00.000 --> %s.000\n%s\n\n", end, text)
	}
	w := wireTranscript{Text: &text, Usage: t.usage()}
	if format != "json" {
		w.Task, w.Language, w.Duration = "transcribe", "english", t.seconds()
		w.Segments = []wireSegment{{End: t.seconds(), Text: text}}
	}
	return wire.Marshal(w)
}

func (t offlineTranscript) usage() *wireDuration { return &wireDuration{"duration", t.seconds()} }

func (t offlineTranscript) stream(ctx context.Context, cut *int, out llm.Sink) error {
	var doc llm.Document
	push := func(w wireTranscript) error {
		if err := wait(ctx, 0); err != nil {
			return err
		}
		if err := doc.Reset(wire.Marshal(w)); err != nil {
			return errOfflineWire(err)
		}
		var e llm.Event
		if err := transcriptions.DecodeEvent("", &doc, &e); err != nil {
			return err
		}
		return out(&e)
	}
	for i, piece := range t.pieces {
		if cut != nil && i >= *cut {
			return errOfflineCut
		}
		if err := push(wireTranscript{Type: "transcript.text.delta", Delta: piece}); err != nil {
			return err
		}
	}
	if cut != nil {
		return errOfflineCut
	}
	text := strings.Join(t.pieces, "")
	return push(wireTranscript{Type: "transcript.text.done", Text: &text, Usage: t.usage()})
}
