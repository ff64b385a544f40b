package messagestest

import (
	"strings"
	"testing"
)

func frame(kind, more string) string {
	return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"" + more + "}\n\n"
}

var (
	start = frame("message_start", `,"message":{"id":"a","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":1,"output_tokens":1}}`)
	open  = frame("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	piece = frame("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"Hi"}`)
	shut  = frame("content_block_stop", `,"index":0`)
	end   = frame("message_delta", `,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}`)
	stop  = frame("message_stop", "")
	ping  = frame("ping", "")
	fails = frame("error", `,"error":{"type":"api_error","message":"no"}`)
	tool  = frame("content_block_start", `,"index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}`)
	input = frame("content_block_delta", `,"index":0,"delta":{"type":"input_json_delta","partial_json":"{"}`)
)

// What a strict client does not take is told.
func TestRead(t *testing.T) {
	t.Parallel()
	if got, err := Read(start + open + ping + piece + shut + end + stop); err != nil || got.Blocks[0].Text != "Hi" || got.Stop != "end_turn" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := Read(start + open + fails); err != nil || got.Error != "api_error" {
		t.Errorf("got %+v, %v", got, err)
	}
	for wrong, stream := range map[string]string{
		"before message_start": open,
		"no start":             start + start,
		"out of turn":          start + open + open,
		"not open":             start + piece,
		"in a block of type":   start + tool + piece,
		"input is no JSON":     start + tool + input + shut,
		"no end of a message":  start + open + end,
		"without a reason":     start + stop,
		"after the end":        start + end + stop + ping,
		"neither":              start + end,
		"does not have":        start + frame("novelty", ""),
		"its name":             strings.Replace(start, "event: message_start", "event: ping", 1),
		"the middle":           start + "event: ",
	} {
		if _, err := Read(stream); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
}
