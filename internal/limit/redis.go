package limit

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"

	"github.com/sallyport-ai/sallyport"
)

// What becomes of calls while Redis does not answer.
const (
	Refuse = "refuse" // LimitsUnavailable
	Allow  = "allow"  // they pass uncounted
)

// RedisOptions say where the buckets are.
type RedisOptions struct {
	URL       string // redis://user:password@host:port/db, or rediss:// for TLS
	OnFailure string // Refuse or Allow
	Prefix    string // of all keys; default "sallyport:"
	// Now is for tests; by default the time is the server's own, so that the
	// clocks of the nodes need not agree.
	Now func() time.Time
	Log *slog.Logger
}

// The bounds of a Redis.
const (
	// redisTime is how long a call waits for an answer.
	redisTime = time.Second
	// connectEvery is how often a connection is tried while there was none yet.
	connectEvery = 250 * time.Millisecond
	// lease is how long a place stays taken when its node has died;
	// renewEvery leaves two more tries before that.
	lease      = 30 * time.Second
	renewEvery = 10 * time.Second
	// retryAfter is what a call that nobody could count is told.
	retryAfter = time.Second
	// strayMax bounds what is remembered of calls that got no answer; the
	// places of more end with their lease.
	strayMax = 10_000
)

//go:embed limit.lua
var scriptText string

var script = rueidis.NewLuaScript(scriptText)

// Redis keeps the buckets of several processes. It is safe for concurrent use.
//
// One script call takes from all buckets of a call or from none. The keys of an
// organisation share a hash tag, so that on a cluster they are on one node, and
// they expire when they say nothing any more. A place is a lease that its
// process renews; it ends by itself when the process dies.
//
// While Redis does not answer, calls follow RedisOptions.OnFailure. What was
// taken before, and Redis has forgotten, is forgotten: rates start full, and
// calls under way take their places again with the next renewal. What Redis was
// asked and did not answer it may do all the same when it goes on: places of
// calls that are gone are left again as soon as it answers.
type Redis struct {
	o      RedisOptions
	dialed rueidis.ClientOption

	failing atomic.Bool   // for the log: said once
	well    chan struct{} // told when it answers again
	stop    context.CancelFunc
	done    chan struct{} // closed when the background work has ended
	ticks   <-chan time.Time

	mu     sync.RWMutex
	client rueidis.Client      // nil until there was a connection
	held   map[string][]Bucket // by call: the buckets in which it has a place
	strays map[string][]Bucket // by call: those in which it may have one and must not
}

// NewRedis returns a limiter that has tried to reach Redis once and goes on
// trying if need be. The error is about the URL and does not quote it.
func NewRedis(ctx context.Context, o RedisOptions) (*Redis, error) {
	return newRedis(ctx, o, time.Tick(renewEvery))
}

func newRedis(ctx context.Context, o RedisOptions, renewals <-chan time.Time) (*Redis, error) {
	dialed, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("redis: it is not an address such as redis://user:password@host:6379/0")
	}
	dialed.DisableCache = true
	dialed.Dialer.Timeout = redisTime
	dialed.ConnWriteTimeout = 2 * redisTime
	if o.Prefix == "" {
		o.Prefix = "sallyport:"
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &Redis{
		o: o, dialed: dialed, stop: stop, done: make(chan struct{}), ticks: renewals, well: make(chan struct{}, 1),
		held: make(map[string][]Bucket), strays: make(map[string][]Bucket),
	}
	r.connect()
	go func() {
		defer close(r.done)
		r.work(working)
	}()
	return r, nil
}

// Close ends the background work and the connection. Places that are still
// taken end with their lease. Closing twice is harmless.
func (r *Redis) Close() {
	r.stop()
	<-r.done
	if c := r.connection(); c != nil {
		c.Close()
	}
}

// Take is as Limiter's; LimitsUnavailable when Redis does not answer and calls
// are to be refused then, no states when they are to pass.
func (r *Redis) Take(ctx context.Context, buckets []Bucket, tokens int64) ([]sallyport.LimitState, error) {
	buckets = rates(buckets)
	seen, now, passed, err := r.take(ctx, "", buckets, tokens)
	if err != nil || len(buckets) == 0 {
		return nil, r.failed(err)
	}
	return tell(buckets, seen, now, tokens, passed)
}

// Begin is as Limiter's, and as Take when Redis does not answer.
func (r *Redis) Begin(ctx context.Context, buckets []Bucket, tokens int64) (states []sallyport.LimitState, end func(ctx context.Context, back int64), err error) {
	if len(buckets) == 0 {
		return nil, func(context.Context, int64) {}, nil
	}
	call, places := "", concurrent(buckets)
	if len(places) > 0 {
		call = uuid.NewString()
	}
	seen, now, passed, err := r.take(ctx, call, buckets, tokens)
	if err != nil {
		r.stray(call, places)
		return nil, func(context.Context, int64) {}, r.failed(err)
	}
	states, err = tell(buckets, seen, now, tokens, passed)
	if err != nil {
		return states, nil, err
	}
	if len(places) > 0 {
		r.mu.Lock()
		r.held[call] = places
		r.mu.Unlock()
	}
	return states, func(ctx context.Context, back int64) { r.end(ctx, call, buckets, back) }, nil
}

// Look is as Limiter's; LimitsUnavailable when Redis does not answer and calls
// are to be refused then, no states when they are to pass.
func (r *Redis) Look(ctx context.Context, buckets []Bucket) ([]sallyport.LimitState, error) {
	seen, _, _, err := r.ask(ctx, "look", "", buckets, 0)
	if err != nil || len(buckets) == 0 {
		return nil, r.failed(err)
	}
	states := make([]sallyport.LimitState, len(buckets))
	for i, b := range buckets {
		states[i] = b.state(seen[i])
	}
	return states, nil
}

// take runs the rule in Redis. What it finds is told by the same functions as
// what a Limiter finds.
func (r *Redis) take(ctx context.Context, call string, buckets []Bucket, tokens int64) (seen []content, now int64, passed bool, err error) {
	return r.ask(ctx, "take", call, buckets, tokens)
}

func (r *Redis) ask(ctx context.Context, op, call string, buckets []Bucket, tokens int64) (seen []content, now int64, passed bool, err error) {
	if len(buckets) == 0 {
		return nil, 0, true, nil
	}
	keys, args := r.request(op, call, buckets, func(b Bucket) int64 { return b.cost(tokens) })
	answer, err := r.run(ctx, keys, args)
	if err != nil {
		return nil, 0, false, err
	}
	numbers, err := answer.AsIntSlice()
	if err == nil && len(numbers) != 2+2*len(buckets) {
		err = errors.New("limit: the script's answer has another length")
	}
	if err != nil {
		return nil, 0, false, err
	}
	passed, now = numbers[0] == 1, numbers[1]
	for i, b := range buckets {
		units, rest := numbers[2+2*i], numbers[3+2*i]
		c := content{level: level{debt: units*minute + rest, at: now, limit: clamp(b.Limit, PerMinuteMax)}}
		if b.Unit == Concurrent {
			c = content{under: units}
		}
		seen = append(seen, c)
	}
	return seen, now, passed, nil
}

// end gives tokens back and leaves the places. When that fails the places are
// left later, and the tokens are worked off.
func (r *Redis) end(ctx context.Context, call string, buckets []Bucket, back int64) {
	r.mu.Lock()
	delete(r.held, call)
	r.mu.Unlock()
	var changed []Bucket
	for _, b := range buckets {
		if b.Unit == Concurrent || b.Unit == Tokens && back != 0 {
			changed = append(changed, b)
		}
	}
	if len(changed) == 0 {
		return
	}
	keys, args := r.request("end", call, changed, func(Bucket) int64 { return back })
	if _, err := r.run(ctx, keys, args); err != nil {
		r.stray(call, concurrent(changed))
		_ = r.failed(err) // told by the log; the call itself is done
	}
}

// request is the script's KEYS and ARGV.
func (r *Redis) request(op, call string, buckets []Bucket, n func(Bucket) int64) (keys, args []string) {
	now := ""
	if r.o.Now != nil {
		now = strconv.FormatInt(r.o.Now().UnixMicro(), 10)
	}
	keys = make([]string, 0, len(buckets))
	args = append(make([]string, 0, 4+3*len(buckets)), op, now, call, strconv.FormatInt(lease.Microseconds(), 10))
	for _, b := range buckets {
		keys = append(keys, r.key(b))
		kind := "rate"
		if b.Unit == Concurrent {
			kind = "place"
		}
		// One more than the largest limit is as much too large as any number.
		asked := max(min(n(b), PerMinuteMax+1), -PerMinuteMax)
		args = append(args, kind, strconv.FormatInt(clamp(b.Limit, PerMinuteMax), 10), strconv.FormatInt(asked, 10))
	}
	return keys, args
}

// key has the organisation as its hash tag: what one script call reads must be
// on one node of a cluster. What a key holds never changes its form: a program
// of another version reads it too.
func (r *Redis) key(b Bucket) string {
	kind := "level"
	if b.Unit == Concurrent {
		kind = "places"
	}
	return strings.Join([]string{r.o.Prefix + "{" + string(b.Org) + "}", kind, b.Scope, b.ID, b.Unit}, ":")
}

// run does not end early when the client leaves: whoever hangs up between the
// script and its answer would leave a place taken that nobody knows of.
func (r *Redis) run(ctx context.Context, keys, args []string) (rueidis.RedisResult, error) {
	c := r.connection()
	if c == nil {
		return rueidis.RedisResult{}, errNoConnection
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisTime)
	defer cancel()
	answer := script.Exec(ctx, c, keys, args)
	if err := answer.Error(); err != nil && !rueidis.IsRedisNil(err) {
		return answer, err
	}
	r.answered()
	return answer, nil
}
