//go:build !race

package main

// raceDetector says whether this program, which the tests start as the server,
// is built with the race detector.
const raceDetector = false
