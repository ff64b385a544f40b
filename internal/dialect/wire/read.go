// Package wire is what the dialects share: how the JSON of a request is read so
// that every error names its field, how JSON and events are written, and how a
// place in a body is looked up. Reading is strict where two readers could
// understand two things: that is how a policy is walked around.
package wire

import (
	"errors"
	"fmt"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// Body parses the body of a request, which must be an object. Its errors, as all of
// this package, are *sallyport.Error with InvalidBody and never quote a value.
func Body(body []byte) (*llm.Document, error) {
	doc, err := llm.Parse(body)
	var at *llm.SyntaxError
	switch {
	case errors.As(err, &at):
		return nil, sallyport.WrapError(sallyport.InvalidBody,
			fmt.Sprintf("The body is not valid JSON: %s at byte %d.", at.Reason, at.Offset), err)
	case err != nil:
		return nil, sallyport.WrapError(sallyport.InvalidBody, "The body is not valid JSON.", err)
	case doc.Root().Kind() != llm.Object:
		return nil, Invalid("The body must be a JSON object.")
	}
	return doc, nil
}

// redirects are fields with which some gateways let a caller choose where the
// call goes and with which credential. Here nobody may.
var redirects = []string{"api_base", "base_url", "api_key", "extra_headers"}

// Keys refuses a body with a field that redirects the call, and one with a key that
// differs from one of names in its case alone: a provider that is less exact would
// take it for the field.
func Keys(root llm.Value, names ...string) error {
	for _, name := range redirects {
		if root.Get(name).Exists() || root.CaseTwin(name) != "" {
			return Invalid("The field " + name + " is not allowed: a request cannot choose where it is sent.")
		}
	}
	return NoTwin(root, names...)
}

// NoTwin is Keys for an object within the body.
func NoTwin(object llm.Value, names ...string) error {
	if twin := object.CaseTwin(names...); twin != "" {
		return Invalid("A field is written like " + twin + " but in another case.")
	}
	return nil
}

// NoneOf refuses a body with a field that only answers have.
func NoneOf(root llm.Value, answers ...string) error {
	for _, name := range answers {
		if root.Get(name).Exists() {
			return Invalid("The field " + name + " is one of answers, and no request has it.")
		}
	}
	return nil
}

// Bool reads a member that may be absent or null, which is false.
func Bool(object llm.Value, name string) (bool, error) {
	v := object.Get(name)
	value, ok := v.Bool()
	if !ok && !v.IsNull() {
		return false, Wrong(object, name, "must be true or false")
	}
	return value, nil
}

// NeedString wants a member that is a string.
func NeedString(v llm.Value, member string) error {
	if v.Get(member).Kind() != llm.String {
		return Wrong(v, member, "must be a string")
	}
	return nil
}

// Wrong is the error for the value v, at that member when there is one.
func Wrong(v llm.Value, member, must string) error {
	place := v.Path()
	if member != "" && place != "" {
		member = "." + member
	}
	return Invalid(place + member + " " + must + ".")
}

// Invalid is the error of a body that is not what its API promises.
func Invalid(message string) error { return sallyport.NewError(sallyport.InvalidBody, message) }

// InvalidAt is Invalid for the value v, or for the request where there is none.
func InvalidAt(v llm.Value, why string) error {
	if !v.Exists() {
		return Invalid("The request cannot be read: " + why + ".")
	}
	return Invalid(v.Path() + ": " + why)
}

// Unsupported says that what stands at v, or the request where there is none,
// cannot be carried to the provider's dialect.
func Unsupported(v llm.Value, why string) error {
	if !v.Exists() {
		return sallyport.NewError(sallyport.UnsupportedField, "The request cannot be carried: "+why+".")
	}
	return sallyport.NewError(sallyport.UnsupportedField, v.Path()+": "+why)
}

// KeyRefused says that a provider did not take our credential; cause is for the log,
// nil: there is no more to say.
func KeyRefused(cause error) error {
	return sallyport.WrapError(sallyport.UpstreamAuth, "The provider refused the gateway's credential.", cause)
}

// Unusable says that a provider's answer is not of its dialect.
func Unusable(what string) error {
	return sallyport.NewError(sallyport.UpstreamInvalid, "The provider's answer cannot be used: "+what+".")
}

// Object wants an object, without a key that differs from one of names in its case
// alone.
func Object(v llm.Value, names ...string) error {
	if v.Kind() != llm.Object {
		return Wrong(v, "", "must be an object")
	}
	return NoTwin(v, names...)
}

// Each calls f for each element of an array until one is not well.
func Each(list llm.Value, f func(item llm.Value) error) (err error) {
	list.Items(func(_ int, item llm.Value) bool {
		err = f(item)
		return err == nil
	})
	return err
}

// All reads the elements of an array.
func All[T any](list llm.Value, read func(item llm.Value) (T, error)) ([]T, error) {
	all := make([]T, 0, list.Len())
	err := Each(list, func(item llm.Value) error {
		one, err := read(item)
		all = append(all, one)
		return err
	})
	return all, err
}
