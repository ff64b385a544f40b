package wire

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

// Form reads a body of the type multipart/form-data. Its parts are to be read by
// NextRawPart: nobody decodes them here, so nothing that a provider would read
// otherwise.
func Form(contentType string, body []byte) (*multipart.Reader, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, Invalid("The body must be a form: multipart/form-data with its boundary.")
	}
	return multipart.NewReader(bytes.NewReader(body), params["boundary"]), nil
}

// FormFile reads a file of at most most bytes; BodyTooLarge for a larger one.
func FormFile(part *multipart.Part, most int) ([]byte, error) {
	data, err := readPart(part, most)
	if err == nil && len(data) > most {
		err = sallyport.NewError(sallyport.BodyTooLarge, "file: The file is too large. Maximum size is "+strconv.Itoa(most>>20)+" MB.")
	}
	return data, err
}

// FormField reads a field that is a text of at most most bytes.
func FormField(part *multipart.Part, most int) (string, error) {
	if part.FileName() != "" {
		return "", Invalid("A part of the form is a file where none is known.")
	}
	data, err := readPart(part, most)
	if err == nil && len(data) > most {
		err = Invalid("A field of the form is longer than " + strconv.Itoa(most) + " bytes.")
	}
	return string(data), err
}

// readPart reads at most one byte more than most.
func readPart(part *multipart.Part, most int) ([]byte, error) {
	switch coding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding")); coding {
	case "", "7bit", "8bit", "binary":
	default:
		return nil, Invalid("A part of the form is encoded, which is not supported: send it as it is.")
	}
	data, err := io.ReadAll(io.LimitReader(part, int64(most)+1))
	if err != nil {
		return nil, Invalid("The body is not a form that can be read to its end.")
	}
	return data, nil
}
