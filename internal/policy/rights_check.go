package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/access"
)

// RightsVersion names what a group, or the organisation when group is empty, has
// decided, from the stored policies by subject: a part for each area, so that two
// who change different ones are not in each other's way.
func RightsVersion(group sallyport.GroupID, stored map[string][]byte) string {
	parts := make([]string, 0, len(GroupAreas()))
	for _, area := range GroupAreas() {
		parts = append(parts, partOf(stored[RightsSubject(group, area)]))
	}
	return strings.Join(parts, ".")
}

// partBytes is how much of a hash tells two decisions apart that stood at the same
// place one after the other.
const partBytes = 6

func partOf(body []byte) string {
	if body == nil {
		return "0"
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:partBytes])
}

// CheckRightsVersion is sallyport.Conflict when one of the areas that bodies
// decide is another one by now than that version says; "" says nothing.
func CheckRightsVersion(version string, group sallyport.GroupID, bodies, stored map[string][]byte) error {
	if version == "" {
		return nil
	}
	parts := strings.Split(version, ".")
	if len(parts) != len(GroupAreas()) {
		return sallyport.NewError(sallyport.InvalidBody, "version is none that was given out: load what is decided again")
	}
	for i, area := range GroupAreas() {
		subject := RightsSubject(group, area)
		if _, decides := bodies[subject]; decides && parts[i] != partOf(stored[subject]) {
			return sallyport.NewError(sallyport.Conflict,
				"Somebody else has decided on "+string(area)+" meanwhile: look at what they decided, and decide again.")
		}
	}
	return nil
}

// Known has the names of models, model groups and providers that there are.
type Known struct{ models, groups, providers map[string]bool }

// NewKnown returns those of the models, with their providers, the model groups, and
// more providers.
func NewKnown(models []sallyport.Model, groups []sallyport.ModelGroup, providers ...string) Known {
	k := Known{make(map[string]bool, len(models)), make(map[string]bool, len(groups)), make(map[string]bool)}
	for _, g := range groups {
		k.groups[g.Name] = true
	}
	for _, m := range models {
		k.models[m.ID], k.providers[m.Provider] = true, true
	}
	for _, p := range providers {
		k.providers[p] = true
	}
	return k
}

// UnknownNames is the cause of a refusal: each names a field.
type UnknownNames struct{ Fields []string }

// Error implements error.
func (e *UnknownNames) Error() string { return strings.Join(e.Fields, ", ") }

// namesToldMax bounds the names in the sentence of a refusal.
const namesToldMax = 5

// Check is sallyport.InvalidBody, caused by *UnknownNames, when bodies decide on a
// model, a model group or a provider that there is not. A name that stands in what was decided
// before may stay: what it meant has gone since, and that must lock nobody out.
func (k Known) Check(group sallyport.GroupID, bodies, stored map[string][]byte) error {
	subject := RightsSubject(group, access.Models)
	decided, err := thingsOf(bodies[subject])
	if err != nil {
		return err
	}
	before, err := thingsOf(stored[subject])
	if err != nil {
		return fmt.Errorf("stored rights of %s: %w", subject, err)
	}
	var told []string
	wrong := &UnknownNames{}
	for _, of := range []struct {
		what, field     string
		decided, before map[string]access.State
		known           map[string]bool
	}{
		{"model", "names", decided.Names, before.Names, k.models},
		{"model group", "groups", decided.Groups, before.Groups, k.groups},
		{"provider", "providers", decided.Providers, before.Providers, k.providers},
	} {
		for _, name := range slices.Sorted(maps.Keys(of.decided)) {
			if _, stood := of.before[name]; !stood && !of.known[name] {
				wrong.Fields = append(wrong.Fields, fmt.Sprintf("there is no such %s (body.models.%s.%s)", of.what, of.field, name))
				told = append(told, of.what+" "+name)
			}
		}
	}
	if len(told) == 0 {
		return nil
	}
	if len(told) > namesToldMax {
		told = append(told[:namesToldMax], "and others")
	}
	return sallyport.WrapError(sallyport.InvalidBody, "Nothing was saved, for this does not exist: "+strings.Join(told, ", ")+".", wrong)
}

// CheckModelGroupUnused is sallyport.Conflict when the organisation, or a group of
// people, has decided on the model group: without it, what they decided would hold
// for nothing.
func CheckModelGroupUnused(name string, stored map[string][]byte) error {
	rights, _, err := ReadRights(stored)
	if err != nil {
		return err
	}
	all := append(slices.Collect(maps.Values(rights.Groups)), rights.Organisation)
	for _, areas := range all {
		if areas.Models != nil && areas.Models.Groups[name] != "" {
			return sallyport.NewError(sallyport.Conflict, "Rights of the organisation or of a group speak of this model group: take that back first.")
		}
	}
	return nil
}

func thingsOf(body []byte) (t access.Things, err error) {
	if body != nil {
		err = json.Unmarshal(body, &t)
	}
	return t, err
}

// FieldsOf are the fields that an error names, if any.
func FieldsOf(err error) []string {
	var unknown *UnknownNames
	if errors.As(err, &unknown) {
		return unknown.Fields
	}
	return nil
}
