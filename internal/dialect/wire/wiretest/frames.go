// Package wiretest reads what tests of several dialects read in one way.
package wiretest

import (
	"fmt"
	"strings"
)

// EachFrame calls take with the events of a stream as they are on the wire, without
// the blank line that ends each, up to the first error.
func EachFrame(stream string, take func(frame string) error) error {
	frames := strings.SplitAfter(stream, "\n\n")
	if last := frames[len(frames)-1]; last != "" {
		return fmt.Errorf("it ends in the middle of an event: %q", last)
	}
	for _, frame := range frames[:len(frames)-1] {
		if err := take(strings.TrimSuffix(frame, "\n\n")); err != nil {
			return fmt.Errorf("%w: %s", err, frame)
		}
	}
	return nil
}
