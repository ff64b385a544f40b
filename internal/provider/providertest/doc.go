// Package providertest has a fake provider and the contract that every
// provider keeps.
//
// # The fake
//
// A Fake is an HTTP server on loopback that speaks chat completions, responses,
// Anthropic messages, Google's generateContent and Bedrock's Converse, told apart
// by the path. It answers a request by the first
// of these that there is:
//
//  1. the oldest Answer that was given to Queue;
//
//  2. a directive in the last user message: everything after "fake:" is the JSON
//     of an Answer, as in
//
//     Hello. fake: {"text": "Hi.", "usage": {"Input": 3, "Output": 1}}
//     fake: {"status": 429, "header": {"Retry-After": "7"}, "body": "{\"error\":{}}"}
//     fake: {"pieces": ["a", "b", "c"], "fault": "close", "after": 2}
//
//  3. the last user message itself, as an echo.
//
// So a test in the same process scripts by Queue, and one that talks to a whole
// server scripts each call by what it says. A directive that cannot be read is
// answered with status 400 and the reason.
//
// The Fake records each Request. Tests wait for what happens by channels and
// never by time: Fake.Wait until a request has arrived, Request.WaitGone until
// the client has left it, Answer.Step to let out one piece at a time.
//
// # Recordings
//
// A file of recordings, KIND.txtar, has conversations with one kind of provider. Its
// prose says after what it was written. Its first section, service.json, says how the
// service is set up; then each conversation has four:
//
//	NAME/ask.DIALECT.json  what a client of the dialect asks
//	NAME/request.http      what the provider must be sent, but for lengths; the
//	                       credential is [key]
//	NAME/response.http     what it answers, to the byte
//	NAME/heard.txt         what the gateway must hear of it
//
// The header Recording-Cut says that the connection breaks after the body. A binary
// stream of AWS has a line for each message. Replay stands at the far end, judges the
// request and gives the answer.
//
// With -update the second and the last section are written. With -record the third is
// too, with the answer of the real service and the key in the variable that
// service.json names; no key and no header but two of an answer come into the file.
// What a service does not do on demand is recorded one by one:
//
//	GROQ_API_KEY=… go test ./internal/provider -run TestRecordings/groq/stream -record
//
// # The contract
//
// Run holds a provider to the contract of provider.Provider. Whoever adds a
// provider calls it from the provider's test.
package providertest
