package sallyport

import (
	"encoding/json"
	"strconv"
	"time"
)

// appendJSON appends the record as encoding/json writes it, byte for byte; its
// tests hold it to that, with every field set and with none. Two records are
// written for each call, and to find their fields by reflection was a fiftieth of
// what a small call costs. What few records have is left to encoding/json.
func (r *Record) appendJSON(b []byte) ([]byte, error) {
	o := jsonObject{b: append(b, '{')}
	o.number("v", int64(r.Version))
	o.text("event_id", r.EventID)
	o.number("org_seq", r.Seq)
	o.text("phase", string(r.Phase))
	o.time("time", r.Time)
	o.numberIfAny("mono_ns", r.MonoNS)
	o.textIfAny("node", r.Node)
	o.textIfAny("boot_id", r.Boot)
	o.text("org_id", string(r.Org))
	r.Actor.appendTo(&o)
	o.text("action", r.Action)

	o.textIfAny("call_id", string(r.Call))
	o.textIfAny("request_id", r.RequestID)
	o.textIfAny("run_id", string(r.Run))
	o.numberIfAny("run_step", int64(r.RunStep))
	o.textIfAny("route", r.Route)
	o.textIfAny("resource", r.Resource)

	o.textIfAny("model_requested", r.ModelRequested)
	o.textIfAny("model_used", r.ModelUsed)
	o.textIfAny("provider", r.Provider)
	o.isIfSo("stream", r.Stream)
	appendAttempts(&o, r.Attempts)

	o.textIfAny("outcome", r.Outcome)
	o.numberIfAny("status", int64(r.Status))
	o.textIfAny("error_code", string(r.Code))

	o.numberIfAny("latency_ms", r.LatencyMS)
	o.numberIfAny("ttft_ms", r.TTFTMS)
	o.numberIfAny("bytes_in", r.BytesIn)
	o.numberIfAny("bytes_out", r.BytesOut)
	o.numberIfAny("delivered_chars", r.Delivered)

	r.Tokens.appendTo(&o)
	r.Cost.appendTo(&o)
	appendLimits(&o, r.Limits)
	r.DLP.appendTo(&o)
	if len(r.Change) > 0 {
		o.other("change", r.Change)
	}
	if r.Content != nil {
		o.other("content_ref", r.Content)
	}
	o.numberIfAny("suppressed", r.Suppressed)
	o.textIfAny("source_hash", r.SourceHash)
	o.close('}')
	return o.b, o.err
}

func (a *Actor) appendTo(o *jsonObject) {
	o.open("actor", '{')
	o.text("type", a.Type)
	o.textIfAny("user_id", string(a.User))
	o.textIfAny("key_id", string(a.Key))
	o.textIfAny("key_prefix", a.KeyPrefix)
	o.textIfAny("role", string(a.Role))
	o.textIfAny("session_id", string(a.Session))
	o.close('}')
}

func appendAttempts(o *jsonObject, attempts []Attempt) {
	if len(attempts) == 0 {
		return
	}
	o.open("attempts", '[')
	for i := range attempts {
		a := &attempts[i]
		o.open("", '{')
		o.text("provider", a.Provider)
		o.text("target", a.Target)
		o.numberIfAny("status", int64(a.Status))
		o.textIfAny("code", string(a.Code))
		o.number("ms", a.MS)
		o.textIfAny("upstream_request_id", a.UpstreamRequestID)
		o.close('}')
	}
	o.close(']')
}

func (t *RecordTokens) appendTo(o *jsonObject) {
	if t == nil {
		return
	}
	o.open("tokens", '{')
	o.number("input", t.Input)
	o.numberIfAny("cached_input", t.CachedInput)
	o.numberIfAny("cache_write", t.CacheWrite)
	o.number("output", t.Output)
	o.numberIfAny("reasoning", t.Reasoning)
	o.numberIfAny("audio_seconds", t.AudioSeconds)
	o.text("source", t.Source)
	o.isIfSo("clamped", t.Clamped)
	o.close('}')
}

func (c *RecordCost) appendTo(o *jsonObject) {
	if c == nil {
		return
	}
	o.open("cost", '{')
	o.numberIfAny("hold_micros", int64(c.Hold))
	o.numberIfAny("charge_micros", int64(c.Charge))
	o.numberIfAny("balance_micros", int64(c.Balance))
	o.isIfSo("overrun", c.Overrun)
	o.isIfSo("estimated", c.Estimated)
	o.textIfAny("price_version", c.PriceVersion)
	if c.Budget != nil {
		o.other("budget", c.Budget)
	}
	o.close('}')
}

func appendLimits(o *jsonObject, limits []RecordLimit) {
	if len(limits) == 0 {
		return
	}
	o.open("rate", '[')
	for i := range limits {
		l := &limits[i]
		o.open("", '{')
		o.text("scope", l.Scope)
		o.textIfAny("subject", l.Subject)
		o.text("unit", l.Unit)
		o.number("limit", l.Limit)
		o.number("remaining", l.Remaining)
		o.close('}')
	}
	o.close(']')
}

func (d *RecordDLP) appendTo(o *jsonObject) {
	if d == nil {
		return
	}
	o.open("dlp", '{')
	o.text("mode", d.Mode)
	o.textIfAny("policy_version", d.PolicyVersion)
	o.textIfAny("action", d.Action)
	if len(d.Findings) > 0 {
		o.other("findings", d.Findings)
	}
	if len(d.Counts) > 0 {
		o.other("counts", d.Counts)
	}
	o.numberIfAny("restore_missed", int64(d.RestoreMissed))
	o.close('}')
}

// jsonObject appends members to an object that was opened. The methods that end
// in IfAny and IfSo are omitempty.
type jsonObject struct {
	b   []byte
	err error // the first
}

// name begins a member, or with no name an item of an array.
func (o *jsonObject) name(name string) {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
	if name != "" {
		o.b = append(o.b, '"')
		o.b = append(o.b, name...)
		o.b = append(o.b, '"', ':')
	}
}

func (o *jsonObject) open(name string, with byte) {
	o.name(name)
	o.b = append(o.b, with)
}

func (o *jsonObject) close(with byte) { o.b = append(o.b, with) }

func (o *jsonObject) text(name, value string) {
	if !plainJSON(value) {
		o.other(name, value)
		return
	}
	o.name(name)
	o.b = append(o.b, '"')
	o.b = append(o.b, value...)
	o.b = append(o.b, '"')
}

// plainJSON says that encoding/json writes s as it is, between quotes.
func plainJSON(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func (o *jsonObject) textIfAny(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *jsonObject) number(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *jsonObject) numberIfAny(name string, value int64) {
	if value != 0 {
		o.number(name, value)
	}
}

func (o *jsonObject) isIfSo(name string, value bool) {
	if value {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *jsonObject) time(name string, value time.Time) {
	o.open(name, '"')
	b, err := value.AppendText(o.b)
	if err != nil {
		o.fail(err)
		return
	}
	o.b = append(b, '"')
}

// other leaves the member to encoding/json.
func (o *jsonObject) other(name string, value any) {
	o.name(name)
	b, err := json.Marshal(value)
	if err != nil {
		o.fail(err)
		return
	}
	o.b = append(o.b, b...)
}

func (o *jsonObject) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}
