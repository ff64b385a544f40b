// Package llm is the inner language in which requests, answers and their parts
// pass through the gateway, whatever dialect a client or a provider speaks.
//
// Its idea: parts remember their bytes. A body is parsed once and strictly into
// a Document: a table of spans over the bytes as they came. A Request and an
// Event are meaning laid over such a Document; their texts are Values, handles
// to a span. A stage that changes a text changes the Value. Encoding to the
// dialect a thing came in splices the changes into the original bytes and
// touches nothing else; encoding to another dialect builds from the meaning.
// What a stage reads is therefore what is sent: there is no second parse.
//
// The package imports the standard library alone.
package llm
