package chat

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Files are the places of a request that name stored files.
func Files(req *llm.Request) []wire.FileRef { return wire.FileRefs(req, fileRef) }

func fileRef(p llm.Part) (wire.FileRef, bool) {
	part := p.Raw
	id, inside := part.Get("file_id"), part.Get("file").Get("file_id") // the first is Mistral's
	if part.Get("type").Text() != "file" || id.IsNull() && inside.IsNull() {
		return wire.FileRef{}, false
	}
	if id.IsNull() {
		id = inside
	}
	return wire.FileRef{ID: id.Text(), Put: func(f wire.File) ([]llm.Patch, error) {
		if data := part.Get("file").Get("file_data"); !data.IsNull() {
			return nil, wire.Wrong(part, "file", "must have file_id or file_data, not both")
		}
		return llm.Reshape(part, []string{"type", "file", "file_id"}, contentOf(f)), nil
	}}, true
}

// contentOf is a file as a part of a message: an image and a text as such.
func contentOf(f wire.File) []llm.Field {
	switch {
	case f.IsImage():
		return []llm.Field{wire.Text("type", "image_url"), {Name: "image_url", JSON: wire.Marshal(map[string]string{"url": f.Address()})}}
	case f.IsText():
		return []llm.Field{wire.Text("type", "text"), wire.Text("text", f.AsText())}
	}
	return []llm.Field{wire.Text("type", "file"), {Name: "file", JSON: wire.Marshal(map[string]string{"filename": f.Name, "file_data": f.Address()})}}
}
