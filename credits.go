package sallyport

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Credits is an amount of money in micro-credits: a million of them are one credit.
type Credits int64

// Credit is one credit, by default one US dollar.
const Credit Credits = 1_000_000

// String writes the amount in credits with six decimals cut of trailing zeros: "12.5".
func (c Credits) String() string {
	sign, u := "", uint64(c)
	if c < 0 {
		sign, u = "-", uint64(-c)
	}
	whole, frac := u/uint64(Credit), u%uint64(Credit)
	if frac == 0 {
		return fmt.Sprintf("%s%d", sign, whole)
	}
	return sign + strings.TrimRight(fmt.Sprintf("%d.%06d", whole, frac), "0")
}

// ParseCredits reads a decimal number of credits such as "12.5" or "-3".
// More than six decimals, or more than fits, is an error.
func ParseCredits(s string) (Credits, error) {
	micros, err := parseDecimal(s, 6)
	return Credits(micros), err
}

// Rate is the price of one token in millionths of a micro-credit. A price of
// 2.5 credits for a million tokens is 2.5 micro-credits a token: the Rate 2,500,000.
type Rate int64

// RateMax bounds a price at a million credits for a million tokens, so that
// cost arithmetic cannot overflow.
const RateMax Rate = 1_000_000_000_000

// ParseRate reads a price in credits per million tokens: a decimal number, not
// negative, with up to six decimals.
func ParseRate(s string) (Rate, error) {
	n, err := parseDecimal(s, 6)
	if err != nil {
		return 0, err
	}
	if n < 0 || Rate(n) > RateMax {
		return 0, fmt.Errorf("price %s is not between 0 and 1000000 credits per million tokens", s)
	}
	return Rate(n), nil
}

// MinuteMax bounds the price of a minute of sound, in credits and not for a million of
// anything: that of a second is then at most RateMax.
const MinuteMax Rate = 60_000_000

// aMillion is what a Rate is for.
const aMillion = 1_000_000

// SecondOf is the Rate of a second where a minute costs so much, rounded up.
func SecondOf(minute Rate) Rate { return (minute*aMillion + 59) / 60 }

// MinuteOf is what a minute costs where a second does.
func MinuteOf(second Rate) Rate { return second * 60 / aMillion }

// String writes the price in credits per million tokens.
func (r Rate) String() string { return Credits(r).String() }

// UnmarshalText reads what ParseRate reads, so that a price can stand in a file.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

// MarshalText writes what String writes.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ErrTooDear means that an amount is larger than can be booked.
var ErrTooDear = errors.New("amount is larger than can be booked")

// Cost is what u costs at p, rounded up once to a whole micro-credit.
// Token counts must not be negative. An amount that does not fit is ErrTooDear.
func (p Price) Cost(u Usage) (Credits, error) {
	output, reasoning := u.Output, int64(0)
	if p.Reasoning != 0 { // it has a price of its own, and is a part of the output
		reasoning = min(u.Reasoning, u.Output)
		output -= reasoning
	}
	var hi, lo uint64
	for _, part := range [...]struct {
		tokens int64
		rate   Rate
	}{
		{u.Input, p.Input}, {u.CachedInput, p.CachedInput},
		{u.CacheWrite, p.CacheWrite}, {output, p.Output}, {reasoning, p.Reasoning},
		{u.AudioSeconds, p.Second},
	} {
		if part.tokens < 0 || part.rate < 0 {
			return 0, fmt.Errorf("negative tokens or price: %d at %d", part.tokens, part.rate)
		}
		h, l := bits.Mul64(uint64(part.tokens), uint64(part.rate))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi += h + carry
	}
	lo, carry := bits.Add64(lo, 999_999, 0) // rounds up
	hi += carry
	const unit = 1_000_000
	if hi >= unit {
		return 0, ErrTooDear
	}
	q, _ := bits.Div64(hi, lo, unit)
	if q > 1<<62 {
		return 0, ErrTooDear
	}
	return Credits(q), nil
}

// parseDecimal reads a decimal number as an integer of 10^-places units.
func parseDecimal(s string, places int) (int64, error) {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if len(frac) > places || (whole == "" && frac == "") || strings.ContainsAny(whole+frac, "+-_") {
		return 0, fmt.Errorf("%q is not a decimal number with at most %d decimals", s, places)
	}
	n, err := strconv.ParseInt(whole+frac+strings.Repeat("0", places-len(frac)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a decimal number with at most %d decimals", s, places)
	}
	if strings.HasPrefix(s, "-") {
		n = -n
	}
	return n, nil
}
