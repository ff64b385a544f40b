package dlp

import "slices"

// The categories of types, for policies.
const (
	CategorySecret   = "secret"
	CategoryContact  = "contact"
	CategoryPayment  = "payment"
	CategoryIdentity = "identity"
)

// Type is a kind of value that the engine finds.
type Type struct {
	Name     string
	Category string
}

// typeID is an index of the list of types.
type typeID uint8

// typePlaceholder is what is no find: text of the shape of a placeholder.
const typePlaceholder typeID = 0

// The types that are no keys. Keys follow them, from the table of rules.
const (
	typePrivateKey typeID = iota + 1
	typeURLPassword
	typeIBAN
	typeCard
	typeSSN
	typeEmail
	typePhone
	typeFirstRule
)

var types = listTypes()

// listTypes orders the types: of two finds of one length, the earlier type wins.
func listTypes() []Type {
	list := []Type{
		typePlaceholder: {},
		typePrivateKey:  {"PRIVATE_KEY", CategorySecret},
		typeURLPassword: {"URL_PASSWORD", CategorySecret},
		typeIBAN:        {"IBAN_CODE", CategoryPayment},
		typeCard:        {"CREDIT_CARD", CategoryPayment},
		typeSSN:         {"US_SSN", CategoryIdentity},
		typeEmail:       {"EMAIL_ADDRESS", CategoryContact},
		typePhone:       {"PHONE_NUMBER", CategoryContact},
	}
	for _, r := range secretRules {
		if !slices.ContainsFunc(list, func(t Type) bool { return t.Name == r.name }) {
			list = append(list, Type{r.name, CategorySecret})
		}
	}
	return list
}

// Types lists everything that the engine finds, for policies and their editors.
func Types() []Type { return slices.Clone(types[1:]) }

func typeNamed(name string) typeID {
	for i, t := range types {
		if t.Name == name && i > 0 {
			return typeID(i)
		}
	}
	panic("dlp: no type " + name) // the table of rules is the list's source
}

// knownName says whether a policy may use name: a type, a category or "*".
func knownName(name string) bool {
	return name == "*" || CategoryOf(name) != "" ||
		slices.ContainsFunc(types[1:], func(t Type) bool { return t.Category == name })
}

// CategoryOf returns the category of a type, "" for anything else.
func CategoryOf(name string) string {
	for _, t := range types[1:] {
		if t.Name == name {
			return t.Category
		}
	}
	return ""
}
