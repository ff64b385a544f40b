package wire

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

// FileRef is a place in a request that names a stored file.
type FileRef struct {
	ID string
	// Put makes the patches that put the file itself there.
	Put func(File) ([]llm.Patch, error)
}

// File is a stored file as it goes into a request.
type File struct {
	Name      string
	MediaType string // "text/plain" for every text
	Data      []byte
}

// TextType is the type of files that are texts, whatever they are written in.
const TextType = "text/plain"

// IsText says whether models can be given the file as text.
func (f File) IsText() bool { return f.MediaType == TextType && utf8.Valid(f.Data) }

// IsImage says whether the file is a picture.
func (f File) IsImage() bool { return strings.HasPrefix(f.MediaType, "image/") }

// AsText shows a text to a model under its name, as people who paste one do. Data
// protection reads it as any text.
func (f File) AsText() string { return fmt.Sprintf("File %q:\n\n%s", f.Name, f.Data) }

// InlineText reads a document whose bytes are in the request and are a text: UTF-8, whatever it
// is written in. Many services take PDF alone as bytes, and every one takes a text as such.
func InlineText(p llm.Part) (text string, ok bool) {
	mediaType, data, ok := p.Inline()
	if !ok || strings.EqualFold(mediaType, "application/pdf") {
		return "", false
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || !utf8.Valid(raw) || len(bytes.TrimSpace(raw)) == 0 {
		return "", false
	}
	return string(raw), strings.HasPrefix(http.DetectContentType(raw), "text/")
}

// Base64 is the file's bytes so.
func (f File) Base64() string { return base64.StdEncoding.EncodeToString(f.Data) }

// Address is the file as a data: address.
func (f File) Address() string { return "data:" + f.MediaType + ";base64," + f.Base64() }

// Text is the member of an object with that text.
func Text(name, text string) llm.Field { return llm.Field{Name: name, JSON: llm.Quote(text)} }

// FileRefs are the places of a request that name stored files. refOf tells it of a
// part.
func FileRefs(req *llm.Request, refOf func(part llm.Part) (FileRef, bool)) (refs []FileRef) {
	var look func(parts []llm.Part)
	look = func(parts []llm.Part) {
		for _, p := range parts {
			if ref, is := refOf(p); is {
				refs = append(refs, ref)
			}
			look(p.Parts) // results of tools, and documents made of blocks
		}
	}
	look(req.System)
	for _, m := range req.Messages {
		look(m.Parts)
	}
	return refs
}
