package responses

import (
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Files are the places of a request that name stored files.
func Files(req *llm.Request) []wire.FileRef { return wire.FileRefs(req, fileRef) }

func fileRef(p llm.Part) (wire.FileRef, bool) {
	part, kind := p.Raw, p.Raw.Get("type").Text()
	id := part.Get("file_id")
	if id.IsNull() || kind != "input_file" && kind != "input_image" {
		return wire.FileRef{}, false
	}
	return wire.FileRef{ID: id.Text(), Put: func(f wire.File) ([]llm.Patch, error) {
		for _, other := range []string{"file_data", "file_url", "image_url"} {
			if !part.Get(other).IsNull() {
				return nil, wire.Wrong(part, "", "must have file_id or "+other+", not both")
			}
		}
		if kind == "input_image" && !strings.HasPrefix(f.MediaType, "image/") {
			return nil, wire.Wrong(part, "file_id", "must be the id of an image")
		}
		return llm.Reshape(part, []string{"type", "file_id", "filename", "file_data", "file_url", "image_url"}, contentOf(f)), nil
	}}, true
}

// contentOf is a file as a part of the input: an image and a text as such.
func contentOf(f wire.File) []llm.Field {
	switch {
	case strings.HasPrefix(f.MediaType, "image/"):
		return []llm.Field{wire.Text("type", "input_image"), wire.Text("image_url", f.Address())}
	case f.IsText():
		return []llm.Field{wire.Text("type", "input_text"), wire.Text("text", f.AsText())}
	}
	return []llm.Field{wire.Text("type", "input_file"), wire.Text("filename", f.Name), wire.Text("file_data", f.Address())}
}
