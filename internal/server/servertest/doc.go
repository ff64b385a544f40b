// Package servertest assembles the real server in one process for tests: a
// SQLite file, journal, keys, catalogue, policies, gateway and agents as the
// program wires them, behind a real listener on loopback, with the fake
// provider at the far end. Only the clock stands still until a test moves it,
// and Faults can make the trail fail.
//
// What a test asks of a House is what somebody outside could: calls by HTTP,
// and the records that are in the database afterwards.
package servertest
