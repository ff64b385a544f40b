package messages

import (
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Files are the places of a request that name stored files.
func Files(req *llm.Request) []wire.FileRef { return wire.FileRefs(req, fileRef) }

func fileRef(p llm.Part) (wire.FileRef, bool) {
	block, source := p.Raw, p.Raw.Get("source")
	kind := block.Get("type").Text()
	if source.Get("type").Text() != "file" || kind != "image" && kind != "document" {
		return wire.FileRef{}, false
	}
	return wire.FileRef{ID: source.Get("file_id").Text(), Put: func(f wire.File) ([]llm.Patch, error) {
		if f.IsImage() != (kind == "image") {
			return nil, wire.Wrong(source, "file_id", "must be the id of an image in an image, and of a document in a document")
		}
		made := map[string]string{"type": "base64", "media_type": f.MediaType, "data": f.Base64()}
		if f.IsText() {
			made = map[string]string{"type": "text", "media_type": wire.TextType, "data": string(f.Data)}
		}
		return []llm.Patch{llm.Replace(source, wire.Marshal(made))}, nil
	}}, true
}
