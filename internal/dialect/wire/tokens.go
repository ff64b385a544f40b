package wire

import (
	"strconv"

	"github.com/sallyport-ai/sallyport/internal/llm"
)

const (
	// NoTokens stands for a count that is no whole number, or that nothing tells. It is
	// negative so that who checks counts for sense finds it.
	NoTokens = -1
	// TokensMax bounds a count, so that sums of counts do not overflow; it is far over
	// what anyone can believe.
	TokensMax = 1 << 40
)

// Tokens reads a number of tokens; absent is 0. Counts are not judged here: a whole
// number that no call can use stays one.
func Tokens(v llm.Value) int64 {
	if v.IsNull() {
		return 0
	}
	if n, ok := v.Int(); ok {
		return min(max(n, -TokensMax), TokensMax)
	}
	const whole = 1 << 53                           // from here on a float has nothing behind the point
	f, _ := strconv.ParseFloat(string(v.Raw()), 64) // 0 for what is no number, infinite for what does not fit
	switch {
	case f >= whole:
		return TokensMax
	case f <= -whole:
		return -TokensMax
	}
	return NoTokens
}

// TokensTold is Tokens of a count that every answer tells: absent, it is none.
func TokensTold(v llm.Value) int64 {
	if v.IsNull() {
		return NoTokens
	}
	return Tokens(v)
}

// TokensWithin is Tokens of a part that is counted within another count, which takes
// nothing out of that where it is none.
func TokensWithin(v llm.Value) int64 { return max(Tokens(v), 0) }

// OutputLeft is what the total v has more than the input, which is the output. Unlike
// input it may be nothing, but only where the total is told.
func OutputLeft(v llm.Value, input int64) int64 {
	if total := TokensTold(v); input >= 0 && total >= input {
		return total - input
	}
	return NoTokens
}

// TokensLeft is what a total has more than the output, which is the input. There is no
// call without input: where nothing is left, nothing tells it.
func TokensLeft(total, output int64) int64 {
	if left := total - max(output, 0); left > 0 {
		return left
	}
	return NoTokens
}
