// Package sallyport holds the nouns of the product: who calls (Organisation,
// User, Key, Principal), what is called (Model, Agent, Run), what a call is and
// costs (Call, Usage, Price, Credits), what was found in it (Finding) and what
// is written down about it (Record).
//
// It has no behaviour beyond the arithmetic of its own values and imports the
// standard library alone; every other package points here. The road of a call
// is told in ARCHITECTURE.md.
package sallyport
