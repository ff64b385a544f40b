package gateway

import (
	"errors"
	"fmt"
	"iter"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/dlp"
	"github.com/sallyport-ai/sallyport/internal/llm"
	"github.com/sallyport-ai/sallyport/internal/tokenizer"
)

// judgeTokens has scr judge the texts that tokens stand for: those that the model will
// read. Where something in them is changed, texts take the place of the tokens, all of them,
// for the APIs take either; else the tokens stay as they came. Where nobody here can read
// them it is for the policy to let them through or not; those that can be read, but for one
// of them or their length, are never let through unread.
func judgeTokens(tokens llm.Value, encoding *tokenizer.Encoding, scr *dlp.Screen) (retold bool, err error) {
	if scr.Policy().Mode == dlp.Off {
		return false, nil
	}
	what := "What stands in " + tokens.Path() + " as tokens"
	if encoding == nil {
		return false, scr.Unreadable(what, "it is not known how the model reads them. Send texts")
	}
	texts, err := textsOf(tokens, encoding)
	if err != nil {
		return false, scr.Unread(what, err.Error())
	}
	if err := scr.Request(texts, nil); err != nil || !texts.Changed() {
		return false, err
	}
	tokens.SetJSON(texts.Root().Get(tokens.Path()).JSON())
	return true, nil
}

// encodingOf returns the encoding of models, nil where one of them has another, or one
// that is not known.
func encodingOf(models []sallyport.Model) (encoding *tokenizer.Encoding) {
	for i, m := range models {
		of := tokenizer.Of(m.Target)
		if of == nil || i > 0 && of != encoding {
			return nil
		}
		encoding = of
	}
	return encoding
}

// What tokens are of text is bounded by their own bytes, so that a small body does not
// become much memory: a token may be 128 spaces. A real text has about 4 bytes a token, a
// token 2 to 7 bytes of JSON; a short text has the floor.
const (
	textFloor   = 64 << 10 // bytes
	textPerByte = 4        // bytes more, for each of the tokens
)

// textMax is how many bytes of text tokens may stand for.
func textMax(tokens llm.Value) int {
	return min(dlp.TextMax, textFloor+textPerByte*len(tokens.Raw()))
}

// textsOf returns an object that has, under the path of tokens, the text or the list of
// texts that they stand for. Errors are worded for the client.
func textsOf(tokens llm.Value, encoding *tokenizer.Encoding) (*llm.Document, error) {
	out := append(append([]byte{'{'}, llm.Quote(tokens.Path())...), ':')
	most := textMax(tokens)
	room := most
	var err error
	if !ofLists(tokens) {
		out, err = appendText(out, tokens, encoding, &room)
	} else {
		tokens.Items(func(i int, list llm.Value) bool {
			out = append(out, "[,"[min(i, 1)])
			out, err = appendText(out, list, encoding, &room)
			return err == nil
		})
		out = append(out, ']')
	}
	if errors.Is(err, tokenizer.ErrTooLong) {
		return nil, fmt.Errorf("they are more than %d KiB of text", most>>10)
	}
	if err != nil {
		return nil, err
	}
	return llm.Parse(append(out, '}'))
}

func ofLists(tokens llm.Value) (lists bool) {
	tokens.Items(func(_ int, first llm.Value) bool {
		lists = first.Kind() == llm.Array
		return false
	})
	return lists
}

// appendText appends the JSON of the text of one list of tokens, which takes room.
func appendText(out []byte, list llm.Value, encoding *tokenizer.Encoding, room *int) ([]byte, error) {
	text, err := encoding.Decode(idsOf(list), *room)
	switch {
	case errors.Is(err, tokenizer.ErrTooLong):
		return out, err
	case err != nil:
		return out, fmt.Errorf("%s has one that the model does not know", list.Path())
	}
	*room -= len(text)
	return append(out, llm.Quote(text)...), nil
}

func idsOf(list llm.Value) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		list.Items(func(_ int, v llm.Value) bool {
			id, _ := v.Int() // who decoded the request has looked
			return yield(id)
		})
	}
}
