package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport/internal/secret"
)

func TestTextIsNeverPrinted(t *testing.T) {
	const value = "hunter2hunter2"
	text := secret.Text(value)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", text, "in", struct{ T secret.Text }{text})
	inJSON, err := json.Marshal(map[string]any{"a": text, "b": &text, "c": []secret.Text{text}})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"json": string(inJSON),
		"slog": log.String(),
		"%v":   fmt.Sprintf("%v", text),
		"%+v":  fmt.Sprintf("%+v", struct{ T secret.Text }{text}),
		"%#v":  fmt.Sprintf("%#v", text),
		"%s":   fmt.Sprintf("%s", text),
		"%q":   fmt.Sprintf("%q", text),
		"%x":   fmt.Sprintf("%x", text),
		"%d":   fmt.Sprintf("%d", text),
		"cat":  fmt.Sprint(text, &text),
	} {
		if strings.Contains(got, value) || strings.Contains(got, fmt.Sprintf("%x", value)) {
			t.Errorf("%s shows the secret: %s", name, got)
		}
		if name != "cat" && !strings.Contains(got, "[redacted]") {
			t.Errorf("%s = %s, want [redacted] in it", name, got)
		}
	}
	if text.Reveal() != value {
		t.Errorf("Reveal() = %q, want %q", text.Reveal(), value)
	}
}
