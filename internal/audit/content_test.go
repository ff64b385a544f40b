package audit

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-ai/sallyport"
)

// reversed stands for encryption: what it makes cannot be read, and opens only
// with the associated data that it was made with.
func reversed(text, associated []byte) ([]byte, error) {
	sealed := append(bytes.Clone(associated), 0)
	for i := range text {
		sealed = append(sealed, text[len(text)-1-i]^0xff)
	}
	return sealed, nil
}

func unreversed(sealed, associated []byte) ([]byte, error) {
	rest, found := bytes.CutPrefix(sealed, append(bytes.Clone(associated), 0))
	if !found {
		return nil, errors.New("it was sealed for something else")
	}
	text := make([]byte, len(rest))
	for i, b := range rest {
		text[len(rest)-1-i] = b ^ 0xff
	}
	return text, nil
}

func TestContent(t *testing.T) {
	kept := Kept{
		Request: KeptRequest{Text: `{"a":"<&>é"}`, Cut: true},
		Answer:  &KeptAnswer{Texts: []KeptText{{Choice: 1, Kind: "arguments", Index: 2, Tool: "send", Text: "{}"}}},
	}
	record := sallyport.Record{Org: "acme", Call: "c-1", Actor: sallyport.Actor{User: "ann"}}
	c, err := SealContent(&record, sallyport.ContentAnswer, kept, []byte("salt"), reversed)
	if err != nil {
		t.Fatal(err)
	}
	c.Org = "acme"
	body, _, err := record.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Call != "c-1" || c.User != "ann" || record.Content.Level != "answer" || strings.Contains(string(body), "send") {
		t.Errorf("content %+v of the record %s", c, body)
	}
	got, err := OpenContent(*c, body, unreversed)
	if err != nil || !reflect.DeepEqual(got, kept) {
		t.Errorf("opened as %+v, %v; want %+v", got, err, kept)
	}

	other := record
	other.Content = &sallyport.RecordContent{Level: "answer", Hash: sallyport.ContentHash([]byte("salt"), []byte("{}"))}
	another, _, err := other.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	record.Content = nil
	without, _, err := record.Seal(1, sallyport.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		change func(c *sallyport.Content)
		record []byte
	}{
		"another salt":         {func(c *sallyport.Content) { c.Salt = []byte("tlas") }, body},
		"of another call":      {func(c *sallyport.Content) { c.Call = "c-2" }, body},
		"of another trail":     {func(c *sallyport.Content) { c.Org = "evil" }, body},
		"edited":               {func(c *sallyport.Content) { c.Sealed[len(c.Sealed)-3] ^= 1 }, body},
		"another record":       {func(*sallyport.Content) {}, another},
		"a record without any": {func(*sallyport.Content) {}, without},
		"no record":            {func(*sallyport.Content) {}, []byte("{")},
	} {
		changed := *c
		changed.Sealed = bytes.Clone(c.Sealed)
		bad.change(&changed)
		if _, err := OpenContent(changed, bad.record, unreversed); !errors.Is(err, ErrContent) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
