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
// # The contract
//
// Run holds a provider to the contract of provider.Provider. Whoever adds a
// provider calls it from the provider's test.
package providertest
