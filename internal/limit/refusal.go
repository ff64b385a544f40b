package limit

import (
	"fmt"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// refusal gathers why a call is refused: of all buckets that lack room, the one
// that lets the call wait longest.
type refusal struct {
	bucket Bucket
	seen   content
	asked  int64
	wait   int64 // microseconds; -1: it can never fit
}

func (r *refusal) needed() bool { return r.bucket.Unit != "" }

func (r *refusal) add(b Bucket, seen content, asked, wait int64) {
	if r.needed() && (r.wait < 0 || (wait >= 0 && wait <= r.wait)) {
		return
	}
	*r = refusal{b, seen, asked, wait}
}

// err says it to the caller, in whole seconds rounded up: who waits that long
// is let through, if nobody else comes first.
func (r *refusal) err() error {
	limit, whose := clamp(r.bucket.Limit, PerMinuteMax), r.bucket.whose()
	of := r.bucket.Unit + " per minute"
	if r.bucket.Unit == Concurrent {
		of = "concurrent calls"
	}
	if r.wait < 0 {
		return sallyport.NewError(sallyport.RateLimited, fmt.Sprintf(
			"Rate limit: this call needs %d of the %d %s of %s, so it can never pass. Make it smaller, or ask an administrator for a higher limit.",
			r.asked, limit, of, whose))
	}
	var message string
	if r.bucket.Unit == Concurrent {
		message = fmt.Sprintf("Rate limit reached: %s has %d of its %d %s under way. Try again when one of them has ended.",
			whose, r.seen.under, limit, of)
	} else {
		remaining, reset := r.seen.remaining(limit)
		message = fmt.Sprintf("Rate limit reached: %s has used %d of its %d %s, and this call needs %d. Try again in %d s; the limit resets in full in %d s.",
			whose, limit-remaining, limit, of, r.asked, seconds(r.wait), seconds(reset))
	}
	err := sallyport.NewError(sallyport.RateLimited, message)
	err.RetryAfter = time.Duration(seconds(r.wait)) * time.Second
	return err
}

// whose is the bucket's owner in a sentence for the caller.
func (b Bucket) whose() string {
	if b.Name == "" {
		return "this " + b.Scope
	}
	return fmt.Sprintf("the %s %q", b.Scope, b.Name)
}

func errFull() error {
	err := sallyport.NewError(sallyport.RateLimited, "Rate limit: the server has too many callers at once. Try again in 60 s.")
	err.RetryAfter = time.Minute
	return err
}

// seconds rounds microseconds up to whole seconds, at least one.
func seconds(micros int64) int64 {
	return max(ceilDiv(micros, int64(time.Second/time.Microsecond)), 1)
}
