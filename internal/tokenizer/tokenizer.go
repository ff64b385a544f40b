// Package tokenizer reads texts that clients send as the tokens of a model, as some do
// for embeddings. Which encoding a model has is known where its maker tells it. The
// tables of an encoding, some 5 MB, are made when a text is first read: a program that
// gets no tokens has none of it in memory.
package tokenizer

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/tiktoken-go/tokenizer/codec"
)

// Encoding is one way to write texts as tokens. It is safe for concurrent use.
type Encoding struct {
	codec func() *codec.Codec
}

var cl100k = &Encoding{sync.OnceValue(codec.NewCl100kBase)}

// Of returns the encoding of the model that a provider calls target, nil where it is not
// known. OpenAI tells those of its models in tiktoken, tiktoken/model.py, and in the guide
// to embeddings (https://platform.openai.com/docs/guides/embeddings); providers of many
// makers' models put the maker before the name.
func Of(target string) *Encoding {
	switch strings.TrimPrefix(target, "openai/") {
	case "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002":
		return cl100k
	}
	return nil
}

// ErrTooLong is returned by Decode for a text that is longer than it may be.
var ErrTooLong = errors.New("the text is too long")

// stepMax is how many ids are decoded before the length of their text is looked at: one
// token may stand for more than a hundred bytes.
const stepMax = 4096

// Decode returns the text of ids, ErrTooLong where that has more than most bytes, and an
// error that names the first id of no token. It takes no more ids than it needs to tell. A
// character that ids tell a part of, as those of a text that was cut between two tokens do,
// is U+FFFD.
func (e *Encoding) Decode(ids iter.Seq[int64], most int) (string, error) {
	d := decoding{codec: e.codec(), most: most}
	for id := range ids {
		if err := d.add(id); err != nil {
			return "", err
		}
	}
	if err := d.step(); err != nil {
		return "", err
	}
	return strings.ToValidUTF8(d.text.String(), "\uFFFD"), nil
}

// decoding is one text on its way.
type decoding struct {
	codec *codec.Codec
	most  int
	ids   []uint // at most stepMax that wait
	text  strings.Builder
}

func (d *decoding) add(id int64) error {
	if id < 0 {
		return fmt.Errorf("%d is no token", id)
	}
	if d.ids = append(d.ids, uint(id)); len(d.ids) < stepMax {
		return nil
	}
	return d.step()
}

// step decodes the ids that wait.
func (d *decoding) step() error {
	piece, err := d.codec.Decode(d.ids)
	if err != nil {
		return err
	}
	if d.text.Len()+len(piece) > d.most {
		return ErrTooLong
	}
	d.text.WriteString(piece)
	d.ids = d.ids[:0]
	return nil
}
