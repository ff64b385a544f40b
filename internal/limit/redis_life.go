package limit

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/redis/rueidis"

	"github.com/sallyport-ai/sallyport"
)

var errNoConnection = errors.New("limit: there is no connection to Redis yet")

// failed says what becomes of a call that could not be counted, and tells the
// log when that begins.
func (r *Redis) failed(err error) error {
	if err == nil {
		return nil
	}
	if !r.failing.Swap(true) {
		r.o.Log.Error("Redis does not answer for the limits", "on_failure", r.o.OnFailure, "error", err)
	}
	if r.o.OnFailure == Allow {
		return nil
	}
	refusal := sallyport.WrapError(sallyport.LimitsUnavailable,
		"The rate limits cannot be checked at the moment, so the call was not made. Try again.", err)
	refusal.RetryAfter = retryAfter
	return refusal
}

func (r *Redis) answered() {
	if r.failing.Load() && r.failing.Swap(false) {
		r.o.Log.Info("Redis answers for the limits again")
		select {
		case r.well <- struct{}{}:
		default: // it is told already
		}
	}
}

func (r *Redis) connection() rueidis.Client {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.client
}

// connect makes the first connection; later ones are the client's own affair.
func (r *Redis) connect() (connected bool) {
	c, err := rueidis.NewClient(r.dialed)
	if err != nil {
		_ = r.failed(err) // for the log
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = c
	return true
}

// work connects if need be and then renews leases until ctx ends.
func (r *Redis) work(ctx context.Context) {
	for r.connection() == nil && !r.connect() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(connectEvery):
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.well:
			r.leave(ctx)
		case <-r.ticks:
			r.renew(ctx)
			// A last time: on another connection Redis may have read the taking after
			// the first leaving.
			r.forget(r.leave(ctx))
		}
	}
}

// stray notes the places of a call that is gone, of which nobody knows whether
// Redis heard that it came, or that it went.
func (r *Redis) stray(call string, places []Bucket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(places) > 0 && len(r.strays) < strayMax {
		r.strays[call] = places
	}
}

// leave leaves the places of all strays, and returns those strays when Redis did.
// That it did not tells nobody: the next answer to a call would be the recovery,
// at which they are left again, without end.
func (r *Redis) leave(ctx context.Context) map[string][]Bucket {
	r.mu.RLock()
	strays := maps.Clone(r.strays)
	r.mu.RUnlock()
	if r.each(ctx, "end", strays) != nil {
		return nil
	}
	return strays
}

func (r *Redis) forget(strays map[string][]Bucket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for call := range strays {
		delete(r.strays, call)
	}
}

// renew prolongs the leases of all calls under way.
func (r *Redis) renew(ctx context.Context) { r.prolong(ctx, r.underWay()) }

func (r *Redis) underWay() map[string][]Bucket {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return maps.Clone(r.held)
}

// prolong takes the places again for another lease, also those that Redis has
// forgotten: the calls are there, whatever the limit says.
func (r *Redis) prolong(ctx context.Context, held map[string][]Bucket) {
	if err := r.each(ctx, "renew", held); err != nil {
		r.notRenewed(ctx, err)
		return
	}
	// A call that ended meanwhile may have left its places before they were
	// taken again: it leaves them once more.
	now := r.underWay()
	maps.DeleteFunc(held, func(call string, _ []Bucket) bool { _, still := now[call]; return still })
	if err := r.each(ctx, "end", held); err != nil {
		r.notRenewed(ctx, err)
	}
}

// notRenewed tells the log, unless it is the stop of the server that ended it.
func (r *Redis) notRenewed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		_ = r.failed(err)
	}
}

// renewBatch is how many calls go to Redis in one go.
const renewBatch = 500

// each does the same for the places of many calls.
func (r *Redis) each(ctx context.Context, op string, held map[string][]Bucket) error {
	batch := make([]rueidis.LuaExec, 0, min(len(held), renewBatch))
	send := func() error {
		if len(batch) == 0 {
			return nil
		}
		bounded, cancel := context.WithTimeout(ctx, redisTime)
		defer cancel()
		for _, answer := range script.ExecMulti(bounded, r.connection(), batch...) {
			if err := answer.Error(); err != nil && !rueidis.IsRedisNil(err) {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	for call, buckets := range held {
		keys, args := r.request(op, call, buckets, func(Bucket) int64 { return 0 })
		if batch = append(batch, rueidis.LuaExec{Keys: keys, Args: args}); len(batch) == renewBatch {
			if err := send(); err != nil {
				return err
			}
		}
	}
	return send()
}
