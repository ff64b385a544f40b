// Package gemini is the dialect of Google's generateContent, as the Gemini API
// and Vertex AI speak it to clients.
//
// Encode builds a request of this dialect from the meaning of one that came in
// another; DecodeWhole and a Decoder read what the provider answers into events.
// Texts are read as they stand in the request now, so what policy changed is what
// is sent.
//
// Nothing is lost in silence that changes what a client asked for: a wish that has
// no counterpart here is refused as sallyport.UnsupportedField. Hints are left out
// (who the user is, marks of caches), and so is reasoning in the history; of that,
// signatures of calls come back to the models that gave them.
//
// Three things differ from other dialects. The answer of a tool names the tool and
// not the call, so that names are found by the calls in the history, and answers
// stand in the order of their calls. A call comes whole, and often without an id: it
// gets one that nobody else has. And a stream has no mark of its end: it is complete
// when a reason of the end has been told and the body ends cleanly.
//
// The wire is that of https://ai.google.dev/api/generate-content.
package gemini
