// Package converse is the dialect of AWS Bedrock's Converse and ConverseStream, the
// one way to ask for the models of many makers.
//
// Encode builds a request of this dialect from the meaning of one that came in
// another; DecodeWhole and a Decoder read what the provider answers into events.
// Texts are read as they stand in the request now, so what policy changed is what
// is sent.
//
// Nothing is lost in silence that changes what a client asked for: a wish that has
// no counterpart here is refused as sallyport.UnsupportedField. Hints are left out
// (how much to think, who the user is, marks of caches), and so is reasoning in the
// history that the model's own family has not signed.
//
// System texts in the middle of a conversation join the system text at the front, in
// their order: their place is given up, their rank is kept.
//
// The wire is that of
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
package converse
