package dlp

import (
	"encoding/hex"
	"errors"

	"github.com/sallyport-ai/sallyport"
)

// macHeader is what a keyed hash begins with: a marker byte and the id of the key.
const macHeader = 5

// macMin is the length of the shortest keyed hash that is taken.
const macMin = macHeader + 16

// findingHMACLen is the number of bytes of a finding's keyed hash.
const findingHMACLen = 16

var errMACShort = errors.New("dlp: the keyed hash is too short")

// valueKey names a value by its type: one value may be of two types.
type valueKey struct {
	id    typeID
	value string
}

// tokens are the placeholders that a screen made, both ways.
type tokens struct {
	byValue map[valueKey]string
	byToken map[string]string
}

// token returns the placeholder of a value and remembers it for the answer.
func (s *Screen) token(id typeID, value string) (string, error) {
	key := valueKey{id, value}
	if token, known := s.tokens.byValue[key]; known {
		return token, nil
	}
	mac, err := s.hash("dlp.token", s.scope, types[id].Name, value)
	if err != nil {
		return "", err
	}
	token := placeholderOpen + types[id].Name + ":" + suffix(mac) + placeholderClose
	if other, taken := s.tokens.byToken[token]; taken && other != value {
		return "", sallyport.NewError(sallyport.Internal, "two values have the same placeholder")
	}
	if s.tokens.byValue == nil {
		s.tokens = tokens{make(map[valueKey]string), make(map[string]string)}
	}
	s.tokens.byValue[key] = token
	s.tokens.byToken[token] = value
	return token, nil
}

// valueHMAC is the keyed hash under which a finding's value can be recognised.
func (s *Screen) valueHMAC(id typeID, value string) (string, error) {
	mac, err := s.hash("dlp.finding", types[id].Name, value)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac[macHeader:min(len(mac), macHeader+findingHMACLen)]), nil
}

// hash joins the parts so that no two lists of parts give the same bytes.
func (s *Screen) hash(parts ...string) ([]byte, error) {
	var data []byte
	for _, p := range parts {
		data = append(data, byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p)))
		data = append(data, p...)
	}
	mac, err := s.mac(data)
	if err == nil && len(mac) < macMin {
		err = errMACShort
	}
	if err != nil {
		return nil, sallyport.WrapError(sallyport.Internal, "the DLP check could not be finished", err)
	}
	return mac, nil
}
