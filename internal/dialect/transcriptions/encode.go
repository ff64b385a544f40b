package transcriptions

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"slices"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Encode returns the form for a provider of this dialect, whose name for the model
// is target, and its Content-Type: the client's parts in their order, but for the
// model, the fields in wire.Removed and the texts that a stage changed.
func Encode(req *llm.Request, target string) (body []byte, contentType string) {
	var out bytes.Buffer
	out.Grow(len(req.Audio.Data) + len(req.Body.Raw()) + 4<<10)
	form := multipart.NewWriter(&out)
	write := func(name, value string) { _ = form.WriteField(name, value) } // to memory, which does not fail
	req.Body.Root().Members(func(key, value llm.Value) bool {
		switch name := key.Text(); {
		case name == "file":
			writeAudio(form, req.Audio)
		case name == "model":
			write(name, target)
		case slices.Contains(wire.Removed, name):
		case value.Kind() == llm.Array:
			value.Items(func(_ int, item llm.Value) bool { write(name, item.Text()); return true })
		default:
			write(name, value.Text())
		}
		return true
	})
	_ = form.Close()
	return out.Bytes(), form.FormDataContentType()
}

func writeAudio(form *multipart.Writer, audio *llm.Audio) {
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("file", audio.Name.Text()))
	if audio.MediaType != "" {
		header.Set("Content-Type", audio.MediaType)
	}
	part, _ := form.CreatePart(header)
	_, _ = part.Write(audio.Data)
}
