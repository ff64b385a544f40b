package responsestest

import (
	"fmt"
	"strings"
	"testing"
)

// framed makes a stream of events, each its type and the rest of its members, with
// numbers in order.
func framed(events ...string) string {
	var out strings.Builder
	for i, e := range events {
		kind, rest, _ := strings.Cut(e, " ")
		fmt.Fprintf(&out, "event: %s\ndata: {\"type\":%q,\"sequence_number\":%d,%s}\n\n", kind, kind, i, rest)
	}
	return out.String()
}

const (
	created   = `response.created "response":{"id":"r","object":"response","status":"in_progress","output":[]}`
	item      = `response.output_item.added "output_index":0,"item":{"id":"i","type":"message","role":"assistant","content":[]}`
	part      = `response.content_part.added "output_index":0,"item_id":"i","content_index":0,"part":{"type":"output_text","text":""}`
	piece     = `response.output_text.delta "output_index":0,"item_id":"i","content_index":0,"delta":"Hi"`
	text      = `response.output_text.done "output_index":0,"item_id":"i","content_index":0,"text":"Hi"`
	partDone  = `response.content_part.done "output_index":0,"item_id":"i","content_index":0,"part":{"type":"output_text","text":"Hi"}`
	whole     = `{"id":"i","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}`
	itemDone  = `response.output_item.done "output_index":0,"item":` + whole
	completed = `response.completed "response":{"id":"r","object":"response","status":"completed","output":[` + whole + `]}`
	failure   = `error "code":"x","message":"No.","param":null`
	failed    = `response.failed "response":{"id":"r","object":"response","status":"failed","output":[],"error":{"code":"server_error","message":"No."}}`
	call      = `response.output_item.added "output_index":0,"item":{"id":"i","type":"function_call","call_id":"c","name":"f"}`
	arguments = `response.function_call_arguments.delta "output_index":0,"item_id":"i","delta":"{}"`
	argued    = `response.function_call_arguments.done "output_index":0,"item_id":"i","name":"f","arguments":"{]"`
)

// What a strict client does not take is told.
func TestRead(t *testing.T) {
	t.Parallel()
	good := []string{created, item, part, piece, text, partDone, itemDone, completed}
	if got, err := Read(framed(good...)); err != nil || got.Text != "Hi" || got.Response.Status != "completed" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := Read(framed(created, item, failure, failed)); err != nil || got.Error != "x" {
		t.Fatalf("got %+v, %v", got, err)
	}
	// Each event but the first is needed where it stands: without it, and before the one
	// that it follows, nobody takes the stream.
	for i := 1; i < len(good); i++ {
		less := append(append([]string{}, good[:i]...), good[i+1:]...)
		if got, err := Read(framed(less...)); err == nil {
			t.Errorf("without %s: got %+v", good[i], got)
		}
		other := append([]string{}, good...)
		other[i-1], other[i] = other[i], other[i-1]
		if got, err := Read(framed(other...)); err == nil {
			t.Errorf("with %s before %s: got %+v", good[i], good[i-1], got)
		}
	}
	whole := framed(good...)
	for wrong, stream := range map[string]string{
		"it comes first":               framed(good[1:]...),
		"does not grow":                strings.Replace(whole, `"sequence_number":3`, `"sequence_number":2`, 1),
		"sequence number":              strings.Replace(whole, `"sequence_number":3,`, "", 1),
		"and of type":                  strings.Replace(whole, "event: response.output_text.delta", "event: response.output_text.done", 1),
		"not of this dialect":          strings.Replace(whole, "event: response.output_text.delta\n", "", 1),
		"after the end":                framed(append(append([]string{}, good...), piece)...),
		"the text was":                 strings.Replace(whole, `"text":"Hi"`, `"text":"Ho"`, 1),
		"the arguments were":           framed(created, call, arguments, argued),
		"the item is done, or another": strings.Replace(whole, `"item_id":"i"`, `"item_id":"j"`, 1),
		"in its last state":            strings.Replace(whole, `"status":"completed"`, `"status":"failed"`, 1),
		"an error without":             framed(created, strings.Replace(failure, `,"param":null`, "", 1), failed),
		"a failure without":            framed(created, failure, strings.Replace(failed, `,"message":"No."`, "", 1)),
	} {
		if _, err := Read(stream); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	good := `{"id":"r","object":"response","status":"completed","output":[` + whole + `],"output_text":"Hi"}`
	if got, err := Whole(good); err != nil || got.Text != "Hi" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, part := range []string{`"object":"response",`, `"id":"r",`, `"status":"completed",`, `,"output_text":"Hi"`} {
		if got, err := Whole(strings.Replace(good, part, "", 1)); err == nil {
			t.Errorf("without %s: got %+v", part, got)
		}
	}
}
