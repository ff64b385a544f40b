// Package dlp finds sensitive values in requests and answers and hides them.
//
// Its idea: one way of looking for all places. A detector is a function that is
// called where a text holds one of its trigger bytes ('@' for e-mail addresses, a
// digit for numbers, the '_' of "ghp_" for keys) and answers one of three things:
// no; yes, from here to there; or open, when the visible text ends before it can
// tell. Looking at a whole text is looking with the end known, so that nothing
// stays open. Looking at a stream is the same with the end unknown: what is open
// waits, what is settled goes out. A detector looks back at most lookBack bytes
// and its answer never changes with text that comes later, so a stream joined
// equals the same text looked at in one piece, however it was cut.
//
//	Engine.Scan    whole texts: the sweep (engine.go) over the detectors
//	Screen.Request a request's JSON: every string, edited by policy
//	Screen.Answer  an answer, piece by piece: a flow for each logical text
//	Screen.Bytes   a provider's error body
//
// Overlapping finds: the longest wins, then the type that stands earlier in the
// list of types. Types that a policy keeps are not looked for at all, so a kept
// value never shades a hidden one.
//
// Placeholders: a tokenized value becomes ⟦TYPE:suffix⟧. The suffix is a keyed hash of scope,
// type and value: equal values have equal placeholders in each turn of one
// conversation, and nobody can make one up. A screen restores only placeholders
// that it made from its own request; there is no map to store. Text that merely looks like a
// placeholder is neither scanned nor changed. If a client sends the very
// placeholder of a value that the same request holds (an earlier turn that was not restored),
// the model cannot tell both apart, and both come back as the value: it
// tells nobody more than the request did.
//
// What cannot be judged is refused: too much text, too many finds, files that
// cannot be read, a failing key. Messages name types and counts, never values.
//
// Not undone yet: disguises such as zero-width characters, encodings and look-alike letters. Their place
// is window: detectors see its text alone, and marks already carry the map from
// a decoded text to the bytes it came from.
package dlp
