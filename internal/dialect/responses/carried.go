package responses

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Other dialects know one kind of tool that the client runs: functions. Here two
// more are told as such, and their calls are given back in the client's form:
//
//   - a tool in a namespace is a function of a joined name;
//   - a custom tool, which takes a text, is a function with that text for its
//     only argument, input.
//
// Codex CLI has tools of both kinds. It also offers web_search, which the provider
// would run, with every request: that is left out where the model need not call it
// and has tools of the client, too.

// customSchema is what a custom tool takes as a function.
const customSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// nameMax bounds the name of a function with providers of all dialects.
const nameMax = 64

// joined is the name of a tool as a function: always the same, so that calls of
// earlier turns bear it too.
func joined(namespace, name string) string {
	if namespace == "" {
		return name
	}
	full := namespace + "__" + name
	if len(full) <= nameMax {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	mark := "_" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(full[:nameMax-len(mark)], "") + mark
}

// carried returns req as providers of other dialects can be told it: req itself
// where it has nothing but functions.
func carried(req *llm.Request) (*llm.Request, error) {
	root := req.Body.Root()
	var patches []llm.Patch
	if tools, another, err := carriedTools(root); err != nil {
		return nil, err
	} else if another {
		patches = append(patches, llm.Replace(root.Get("tools"), tools))
	}
	if choice := root.Get("tool_choice"); choice.Get("type").Text() == "custom" {
		patches = append(patches, llm.Replace(choice.Get("type"), []byte(`"function"`)))
	}
	root.Get("input").Items(func(_ int, item llm.Value) bool {
		if told := carriedItem(item); told != nil {
			patches = append(patches, llm.Replace(item, told))
		}
		return true
	})
	if len(patches) == 0 {
		return req, nil
	}
	told, err := decode(req.Body.Encode(patches...), req.Operation)
	if err != nil {
		return nil, err
	}
	told.Headers, told.Session, told.Stream = req.Headers, req.Session, req.Stream
	return told, nil
}

// functionTool is a tool as it is carried.
type functionTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	Strict      json.RawMessage `json:"strict,omitempty"`
}

// carriedTools is the list of tools as functions; another says whether it differs
// from what the client sent.
func carriedTools(root llm.Value) (list []byte, another bool, err error) {
	var tools [][]byte
	names := make(map[string]bool)
	optional := withoutSearch(root)
	add := func(at llm.Value, name string, tool []byte) {
		if names[name] && err == nil {
			err = unsupportedTool(at, "with its namespace it has the name of another tool")
		}
		names[name] = true
		tools = append(tools, tool)
	}
	root.Get("tools").Items(func(_ int, tool llm.Value) bool {
		switch kind := tool.Get("type").Text(); {
		case kind == "function":
			add(tool, tool.Get("name").Text(), tool.JSON())
			return err == nil
		case kind == "namespace":
			tool.Get("tools").Items(func(_ int, inner llm.Value) bool {
				name := joined(tool.Get("name").Text(), inner.Get("name").Text())
				add(inner, name, function(inner, name, tool.Get("description").Text()))
				return err == nil
			})
		case kind == "custom":
			name := tool.Get("name").Text()
			add(tool, name, function(tool, name, ""))
		case kind == "web_search" && optional:
		default:
			err = unsupportedTool(tool, "the provider of this model takes tools that the client runs only")
		}
		another = true
		return err == nil
	})
	return slices.Concat([]byte{'['}, bytes.Join(tools, []byte{','}), []byte{']'}), another, err
}

// withoutSearch says that web_search is an offer among others: the request leaves
// it to the model, in so many words, which tools it calls, and has some that the
// client runs.
func withoutSearch(root llm.Value) (others bool) {
	root.Get("tools").Items(func(_ int, tool llm.Value) bool {
		kind := tool.Get("type").Text()
		others = others || kind == "function" || kind == "namespace" || kind == "custom"
		return !others
	})
	return others && root.Get("tool_choice").Text() == "auto"
}

// function is a tool of a namespace, or a custom one, as a function. What a grammar
// asks of a custom tool's text stands in the description: only the model can heed it.
func function(tool llm.Value, name, about string) []byte {
	f := functionTool{Type: "function", Name: name, Parameters: wire.Present(tool.Get("parameters")), Strict: wire.Present(tool.Get("strict"))}
	words := []string{about, tool.Get("description").Text()}
	if tool.Get("type").Text() == "custom" {
		f.Parameters = json.RawMessage(customSchema)
		if grammar := tool.Get("format").Get("definition").Text(); grammar != "" {
			words = append(words, "input has to follow this grammar ("+tool.Get("format").Get("syntax").Text()+"):\n"+grammar)
		}
	}
	f.Description = strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "\n\n")
	return wire.Marshal(f)
}

// carriedItem is an item of the input as it is told of a function; nil: as it is.
func carriedItem(item llm.Value) []byte {
	namespace, name := item.Get("namespace").Text(), item.Get("name").Text()
	call := struct {
		Type      string          `json:"type"`
		CallID    string          `json:"call_id"`
		Name      string          `json:"name,omitempty"`
		Arguments string          `json:"arguments,omitempty"`
		Output    json.RawMessage `json:"output,omitempty"`
	}{CallID: item.Get("call_id").Text()}
	switch kind := item.Get("type").Text(); {
	case kind == "custom_tool_call":
		call.Type, call.Name = "function_call", joined(namespace, name)
		call.Arguments = string(slices.Concat([]byte(`{"input":`), llm.Quote(item.Get("input").Text()), []byte{'}'}))
	case kind == "custom_tool_call_output":
		call.Type, call.Output = "function_call_output", wire.Present(item.Get("output"))
	case kind == "function_call" && namespace != "":
		call.Type, call.Name, call.Arguments = kind, joined(namespace, name), item.Get("arguments").Text()
	default:
		return nil
	}
	return wire.Marshal(call)
}

// clientTool is what the client calls a tool that was carried as a function.
type clientTool struct {
	namespace, name string
	custom          bool
}

// clientTools are the tools of a request, by the names of the functions that they
// were carried as; functions of the client are not among them.
func clientTools(root llm.Value) map[string]clientTool {
	tools := make(map[string]clientTool)
	root.Get("tools").Items(func(_ int, tool llm.Value) bool {
		switch name := strings.Clone(tool.Get("name").Text()); tool.Get("type").Text() {
		case "custom":
			tools[name] = clientTool{name: name, custom: true}
		case "namespace":
			tool.Get("tools").Items(func(_ int, inner llm.Value) bool {
				own := strings.Clone(inner.Get("name").Text())
				tools[joined(name, own)] = clientTool{name, own, inner.Get("type").Text() == "custom"}
				return true
			})
		}
		return true
	})
	return tools
}

// customInput is the text for a custom tool in the arguments of its function, none where
// these are none. A model that did not keep to the form is given back as it is.
func customInput(arguments string) string {
	doc, err := llm.Parse([]byte(arguments))
	if err != nil {
		return arguments
	}
	root := doc.Root()
	if input := root.Get("input"); input.Kind() == llm.String || root.Kind() == llm.Object && root.Len() == 0 {
		return input.Text()
	}
	return arguments
}
