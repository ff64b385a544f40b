package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/sallyport-ai/sallyport"
)

// The scalars of the file. Each is read from the text as it was written, so
// that no number passes through a float and 1.5 requests are refused, not
// rounded; an error knows its line.
type (
	// Rate is a price in credits per million tokens.
	Rate sallyport.Rate
	// Amount is an amount of credits.
	Amount sallyport.Credits
	// Count is a whole number that is not negative.
	Count int64
	// Duration is a time such as 10s or 5m, not negative.
	Duration time.Duration
)

// UnmarshalText reads a decimal number.
func (r *Rate) UnmarshalText(text []byte) error {
	v, err := sallyport.ParseRate(string(text))
	*r = Rate(v)
	return err
}

// UnmarshalText reads a decimal number.
func (a *Amount) UnmarshalText(text []byte) error {
	v, err := sallyport.ParseCredits(string(text))
	*a = Amount(v)
	return err
}

// UnmarshalText reads a whole number.
func (c *Count) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a whole number of 0 or more", text)
	}
	*c = Count(v)
	return nil
}

// UnmarshalText reads a time with its unit.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a time with a unit, such as 10s or 5m", text)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML reads what UnmarshalText reads.
func (r *Rate) UnmarshalYAML(n ast.Node) error { return unmarshalScalar(n, r.UnmarshalText) }

// UnmarshalYAML reads what UnmarshalText reads.
func (a *Amount) UnmarshalYAML(n ast.Node) error { return unmarshalScalar(n, a.UnmarshalText) }

// UnmarshalYAML reads what UnmarshalText reads.
func (c *Count) UnmarshalYAML(n ast.Node) error { return unmarshalScalar(n, c.UnmarshalText) }

// UnmarshalYAML reads what UnmarshalText reads.
func (d *Duration) UnmarshalYAML(n ast.Node) error { return unmarshalScalar(n, d.UnmarshalText) }

func unmarshalScalar(n ast.Node, read func([]byte) error) error {
	token := n.GetToken()
	err := errors.New("a single value is expected here")
	if _, scalar := n.(ast.ScalarNode); scalar {
		err = read([]byte(token.Value))
	}
	if err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: token}
	}
	return nil
}

// MarshalYAML writes the number as it can be read again.
func (r Rate) MarshalYAML() ([]byte, error) { return []byte(sallyport.Rate(r).String()), nil }

// MarshalYAML writes the number as it can be read again.
func (a Amount) MarshalYAML() ([]byte, error) { return []byte(sallyport.Credits(a).String()), nil }

// MarshalYAML writes the time as it can be read again.
func (d Duration) MarshalYAML() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
