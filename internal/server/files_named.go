package server

import (
	"strconv"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dialect/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/messages"
	"github.com/sallyport-ai/sallyport/internal/dialect/responses"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// inlined is the request with the caller's files in the places that name them, read
// again by decode: data protection sees what is sent, any provider can serve it, and
// no provider is asked for a file that it keeps for somebody else.
func (s *Server) inlined(r *request, asked *llm.Request, refs []wire.FileRef, decode func([]byte) (*llm.Request, error)) (*llm.Request, error) {
	switch {
	case len(refs) == 0:
		return asked, nil
	case len(refs) > sallyport.FilesNamed:
		return nil, wire.Invalid("The request names more than " + strconv.Itoa(sallyport.FilesNamed) + " files.")
	}
	files := make(map[string]wire.File, len(refs))
	var patches []llm.Patch
	size := 0
	for _, ref := range refs {
		var err error
		f, known := files[ref.ID]
		if known {
			err = r.lodger.take(int64(len(f.Data))) // it comes once more
		} else {
			f, err = s.fileContent(r, ref.ID)
		}
		if err != nil {
			return nil, err
		}
		files[ref.ID] = f
		if size += len(f.Data); size > BodyMax {
			return nil, errFilesTooLarge
		}
		made, err := ref.Put(f)
		if err != nil {
			return nil, err
		}
		patches = append(patches, made...)
	}
	body := asked.Body.Encode(patches...)
	if len(body) > BodyMax {
		return nil, errFilesTooLarge
	}
	r.call.BytesIn = int64(len(body)) // what is priced is what is sent
	return decode(body)
}

var errFilesTooLarge = sallyport.NewError(sallyport.InvalidBody, "With the files that it names the request is too large.")

// The dialects in which a request may name files make it ready so.

func (s *Server) readyChat(r *request, asked *llm.Request) (*llm.Request, *turn, error) {
	asked, err := s.inlined(r, asked, chat.Files(asked), chat.Decode)
	return asked, nil, err
}

func (s *Server) readyMessage(r *request, asked *llm.Request) (*llm.Request, *turn, error) {
	decode := messages.Decode
	if asked.Operation == llm.CountTokens {
		decode = messages.DecodeCount
	}
	asked, err := s.inlined(r, asked, messages.Files(asked), decode)
	return asked, nil, err
}

func (s *Server) readyWithFiles(r *request, asked *llm.Request) (*llm.Request, *turn, error) {
	asked, kept, err := s.readyResponse(r, asked)
	if err != nil {
		return nil, nil, err
	}
	asked, err = s.inlined(r, asked, responses.Files(asked), responseDecoder(asked))
	return asked, kept, err
}
