package dlp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	for _, part := range []string{
		"sk-", "sk-abcdefghijklmnop1-", "eyJ.", "xoxb-1-", "-----BEGIN PRIVATE KEY-----\\n" + filler(20, mixed), "-----BEGIN PRIVATE KEY-----\\n" + filler(20, mixed) + strings.Repeat("a@b.cc ", 8000), "-----BEGIN PRIVATE KEY-----\\n" + filler(20, mixed) + strings.Repeat("- \\n", 8000), "://a:b", "a@b.cc@",
		"4111 1111 ", "1 ", "+1 ", "⟦A:", "-----", "glpat-" + filler(300, mixed) + "-", "w", "\"", "\\n", "a@", "a@b.cc",
	} {
		for _, id := range []TextID{textID, argumentsID} {
			text := strings.Repeat(part, 128<<10/len(part))
			if id == argumentsID {
				text = `"` + text
			}
			s := newScreen(hideAll())
			start := time.Now()
			for i := 0; i < len(text); i += 8 {
				s.Answer(id, "", text[i:min(len(text), i+8)], false)
			}
			s.Answer(id, "", "", true)
			fmt.Printf("%.30q %v %v\n", part, id.Kind, time.Since(start))
		}
	}
}
