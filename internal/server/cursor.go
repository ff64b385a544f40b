package server

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-ai/sallyport"
)

// cursorOf names a place in a list for a client, to whom it is opaque. It is the
// place itself and no number of a row, so that a page goes on where the one
// before ended, whatever was added or deleted meanwhile.
func cursorOf(p sallyport.Place) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.At.UnixMicro(), 10) + " " + p.ID))
}

// placeOf reverses cursorOf; "" is the beginning.
func placeOf(cursor string) (sallyport.Place, error) {
	if cursor == "" {
		return sallyport.Place{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	at, id, cut := strings.Cut(string(text), " ")
	micros, nerr := strconv.ParseInt(at, 10, 64)
	if err != nil || nerr != nil || !cut || id == "" {
		return sallyport.Place{}, sallyport.NewError(sallyport.InvalidBody, "cursor must be next of an earlier page")
	}
	return sallyport.Place{At: time.UnixMicro(micros), ID: id}, nil
}

// limitOf is how many of a list a client of /v1 wants at once, by its limit.
func limitOf(query url.Values, otherwise, most int) (int, error) {
	asked := query.Get("limit")
	if asked == "" {
		return otherwise, nil
	}
	limit, err := strconv.Atoi(asked)
	if err != nil || limit < 1 || limit > most {
		return 0, sallyport.NewError(sallyport.InvalidBody, "limit must be a whole number from 1 to "+strconv.Itoa(most)+".")
	}
	return limit, nil
}
