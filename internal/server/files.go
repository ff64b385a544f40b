package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/chat"
	"github.com/sallyport-ai/sallyport/internal/dialect/wire"
	"github.com/sallyport-ai/sallyport/internal/secret"
)

// Files keeps what clients upload for models to read; *store.DB is the real one. A file
// that is another's, is deleted or is over is NotFound.
type Files interface {
	// CreateFile is InvalidBody where its owner or the organisation has no room for it.
	CreateFile(ctx context.Context, f sallyport.File, rec sallyport.Record) error
	File(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, now time.Time) (sallyport.File, error)
	// FileHead is File without the content, and so are those of Files.
	FileHead(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, now time.Time) (sallyport.File, error)
	Files(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, q sallyport.FileQuery, now time.Time) ([]sallyport.File, error)
	DeleteFile(ctx context.Context, org sallyport.OrgID, user sallyport.UserID, id sallyport.FileID, at time.Time, rec sallyport.Record) error
}

// filesSurface is that of OpenAI's files.
var filesSurface = surface{body: openAIError}

// fileHead is what is sealed of a file beside its bytes.
type fileHead struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// filePlace binds what is sealed of a file to its row; part tells head from content.
func filePlace(f sallyport.File, part string) []byte {
	return []byte("file " + part + "\x00" + string(f.Org) + "\x00" + string(f.User) + "\x00" + string(f.ID))
}

func (s *Server) openFile(ctx context.Context, f sallyport.File) (head fileHead, err error) {
	plain, err := s.parts.Sealer.Unseal(ctx, f.Org, secret.Content, f.Head, filePlace(f, "head"))
	if err != nil {
		return head, err
	}
	return head, json.Unmarshal(plain, &head)
}

// openAIFile and anthropicFile are a file as the two APIs show it.
type (
	openAIFile struct {
		ID        sallyport.FileID `json:"id"`
		Object    string           `json:"object"`
		Bytes     int64            `json:"bytes"`
		CreatedAt int64            `json:"created_at"`
		ExpiresAt int64            `json:"expires_at"`
		Filename  string           `json:"filename"`
		Purpose   string           `json:"purpose"`
		Status    string           `json:"status"`
	}
	anthropicFile struct {
		ID           sallyport.FileID `json:"id"`
		Type         string           `json:"type"`
		Filename     string           `json:"filename"`
		MIMEType     string           `json:"mime_type"`
		SizeBytes    int64            `json:"size_bytes"`
		CreatedAt    time.Time        `json:"created_at"`
		ExpiresAt    time.Time        `json:"expires_at"`
		Downloadable bool             `json:"downloadable"`
	}
)

func viewStored(r *http.Request, f sallyport.File, head fileHead) any {
	if speaksAnthropic(r) {
		return anthropicFile{f.ID, "file", head.Name, head.Type, f.Size, f.CreatedAt.UTC(), f.ExpiresAt.UTC(), true}
	}
	return openAIFile{f.ID, "file", f.Size, f.CreatedAt.Unix(), f.ExpiresAt.Unix(), head.Name, f.Purpose, "processed"}
}

// fileForm is a file as it is uploaded.
type fileForm struct {
	part    *multipart.Part // of the file: its name and what its client says of its type
	data    []byte
	purpose string
	anchor  string
	seconds string
}

// fileFieldMax bounds, in bytes, a field beside the file, and fileFieldsMax their number.
const (
	fileFieldMax  = 1 << 10
	fileFieldsMax = 16
)

func readFileForm(r *request) (f fileForm, err error) {
	form, err := wire.Form(r.Header.Get("Content-Type"), r.body)
	if err != nil {
		return f, err
	}
	if speaksAnthropic(r.Request) {
		f.purpose = purposes[0] // that API does not ask
	}
	seen := make(map[string]bool)
	for range fileFieldsMax {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, f.check()
		}
		if err != nil {
			return f, wire.Invalid("The body is not a form that can be read to its end.")
		}
		name := part.FormName()
		if seen[name] {
			return f, wire.Invalid("A field stands twice in the form.")
		}
		seen[name] = true
		if err := f.take(name, part); err != nil {
			return f, err
		}
	}
	return f, wire.Invalid("The form has too many fields.")
}

func (f *fileForm) take(name string, part *multipart.Part) (err error) {
	if name == "file" && part.FileName() != "" {
		f.part = part
		f.data, err = wire.FormFile(part, sallyport.FileSize)
		return err
	}
	value, err := wire.FormField(part, fileFieldMax)
	switch name {
	case "purpose":
		f.purpose = value
	case "expires_after[anchor]":
		f.anchor = value
	case "expires_after[seconds]":
		f.seconds = value
	case "expires_in_seconds": // the same in Anthropic's API
		f.anchor, f.seconds = anchorCreated, value
	default:
		if err == nil {
			err = sallyport.NewError(sallyport.UnsupportedField, "The form has a field that is not known here: it may have file, purpose and expires_after.")
		}
	}
	return err
}

// purposes are what files may be for: input of models.
var purposes = []string{"user_data", "vision", "assistants"}

func (f *fileForm) check() error {
	switch {
	case f.part == nil:
		return wire.Invalid("file must be a file, with its name.")
	case len(f.data) == 0:
		return wire.Invalid("file must not be empty.")
	case f.purpose == "":
		return wire.Invalid("purpose must be one of " + strings.Join(purposes, ", ") + ".")
	case !slices.Contains(purposes, f.purpose):
		return sallyport.NewError(sallyport.UnsupportedField, "purpose: files are for input here, and may be for "+strings.Join(purposes, ", ")+" alone.")
	case (f.anchor == "") != (f.seconds == ""), f.anchor != "" && f.anchor != anchorCreated:
		return wire.Invalid("expires_after must have the anchor created_at and seconds.")
	}
	return nil
}

// anchorCreated is what the end of a file is reckoned from.
const anchorCreated = "created_at"

// Bounds of what clients say of a file's end: OpenAI's API takes up to 30 days,
// Anthropic's up to 90.
const (
	fileExpiryMin = time.Hour
	fileExpiryMax = 90 * 24 * time.Hour
)

// kept is for how long the file is kept.
func (f *fileForm) kept() (time.Duration, error) {
	if f.seconds == "" {
		return sallyport.FilesKept, nil
	}
	n, err := strconv.Atoi(f.seconds)
	kept := time.Duration(n) * time.Second
	if err != nil || n > int(fileExpiryMax/time.Second) || kept < fileExpiryMin {
		return 0, wire.Invalid("A file is kept for 3600 to 7776000 seconds.")
	}
	return min(kept, sallyport.FilesKept), nil
}

// media are types of what data protection lets pass unread.
var media = []string{"image/", "audio/", "video/"}

// typeOf tells what a file is by its bytes; what its client says counts where they
// tell nothing, and never makes a text or media of it.
func typeOf(data []byte, declared string) string {
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(data))
	isMedia := func(kind string) bool {
		return slices.ContainsFunc(media, func(of string) bool { return strings.HasPrefix(kind, of) })
	}
	text := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f", r) }
	switch {
	case strings.HasPrefix(kind, "text/") && utf8.Valid(data) && !strings.ContainsFunc(string(data), text):
		return wire.TextType
	case isMedia(kind), kind == "application/pdf":
		return kind
	}
	said, _, err := mime.ParseMediaType(declared)
	if err != nil || strings.HasPrefix(said, "text/") || isMedia(said) {
		return "application/octet-stream"
	}
	return said
}

func newFileID() sallyport.FileID {
	return sallyport.FileID("file-" + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", ""))
}

// createFile answers POST /v1/files.
func (s *Server) createFile(w http.ResponseWriter, r *request) error {
	f := sallyport.File{Org: r.principal.Org, User: r.principal.User, ID: newFileID(), CreatedAt: s.parts.Now().Truncate(time.Microsecond)} // as it is stored
	head, err := s.sealFile(r, &f)
	if err == nil {
		err = s.parts.Files.CreateFile(r.Context(), f, s.parts.Audit.Change(&r.call.Call, "file/"+string(f.ID), fileChange{f.Purpose, f.Size}))
	}
	if err != nil {
		return s.refuse(r, err)
	}
	r.begun = true
	return writeJSON(w, http.StatusOK, viewStored(r.Request, f, head))
}

// fileChange is what the trail tells of an upload: no name, for that may say what the
// file says.
type fileChange struct {
	Purpose string `json:"purpose"`
	Bytes   int64  `json:"bytes"`
}

func (s *Server) sealFile(r *request, f *sallyport.File) (head fileHead, err error) {
	form, err := readFileForm(r)
	if err != nil {
		return head, err
	}
	kept, err := form.kept()
	if err != nil {
		return head, err
	}
	f.Purpose, f.Size, f.ExpiresAt = form.purpose, int64(len(form.data)), f.CreatedAt.Add(kept)
	head = fileHead{chat.FileName(form.part.FileName()), typeOf(form.data, form.part.Header.Get("Content-Type"))}
	plain, err := json.Marshal(head)
	if err != nil {
		return head, err
	}
	if f.Head, err = s.parts.Sealer.Seal(r.Context(), f.Org, secret.Content, plain, filePlace(*f, "head")); err != nil {
		return head, err
	}
	f.Content, err = s.parts.Sealer.Seal(r.Context(), f.Org, secret.Content, form.data, filePlace(*f, "content"))
	return head, err
}

// getFile answers GET /v1/files/{id}.
func (s *Server) getFile(r *request) (any, error) {
	f, err := s.parts.Files.FileHead(r.Context(), r.principal.Org, r.principal.User, sallyport.FileID(r.PathValue("file")), s.parts.Now())
	if err != nil {
		return nil, err
	}
	head, err := s.openFile(r.Context(), f)
	return viewStored(r.Request, f, head), err
}

// fileContent finds a file of the caller, with its bytes, if there is room for them.
func (s *Server) fileContent(r *request, id string) (wire.File, error) {
	org, user, file, now := r.principal.Org, r.principal.User, sallyport.FileID(id), s.parts.Now()
	f, err := s.parts.Files.FileHead(r.Context(), org, user, file, now)
	if err == nil {
		err = r.lodger.take(f.Size)
	}
	if err == nil {
		f, err = s.parts.Files.File(r.Context(), org, user, file, now)
	}
	if err != nil {
		return wire.File{}, err
	}
	head, err := s.openFile(r.Context(), f)
	if err != nil {
		return wire.File{}, err
	}
	data, err := s.parts.Sealer.Unseal(r.Context(), f.Org, secret.Content, f.Content, filePlace(f, "content"))
	return wire.File{Name: head.Name, MediaType: head.Type, Data: data}, err
}

// getFileContent answers GET /v1/files/{id}/content with the file's bytes.
func (s *Server) getFileContent(w http.ResponseWriter, r *request) error {
	f, err := s.fileContent(r, r.PathValue("file"))
	if err != nil {
		return s.refuse(r, err)
	}
	if err := s.record(r.Context(), r.principal.Org, s.parts.Audit.Read(&r.call.Call, http.StatusOK)); err != nil {
		return err
	}
	r.begun = true
	s.parts.Gateway.Answered(r.Context(), r.call)
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Disposition", attachment(f.Name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(f.Data)))
	allowWrite(w)
	_, err = w.Write(f.Data)
	return err
}

// deleteFile answers DELETE /v1/files/{id}. The change is recorded with it.
func (s *Server) deleteFile(w http.ResponseWriter, r *request) error {
	id := r.PathValue("file")
	record := s.parts.Audit.Change(&r.call.Call, "file/"+id, nil)
	err := s.parts.Files.DeleteFile(r.Context(), r.principal.Org, r.principal.User, sallyport.FileID(id), s.parts.Now(), record)
	if err != nil {
		return s.refuse(r, err)
	}
	r.begun = true
	if speaksAnthropic(r.Request) {
		return writeJSON(w, http.StatusOK, struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		}{id, "file_deleted"})
	}
	return writeJSON(w, http.StatusOK, deletedResponse{id, "file", true})
}
