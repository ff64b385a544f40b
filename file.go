package sallyport

import "time"

// FileID names a file that a client of the API uploaded: "file-" and hexadecimal
// digits. Ids sort by time.
type FileID string

// The bounds of files.
const (
	// FileSize bounds, in bytes, one file: in base64 it fits into a request.
	FileSize = 32 << 20
	// FilesMax is how many one person has.
	FilesMax = 1_000
	// FilesSize bounds, in bytes, what one person has, and FilesSizeAll what is stored
	// of an organisation, what is deleted and not erased yet included.
	FilesSize    = 512 << 20
	FilesSizeAll = 16 << 30
	// FilesKept is for how long one is stored, unless its owner says sooner.
	FilesKept = ResponsesKept
	// FilesNamed bounds how many files one request names.
	FilesNamed = 50
)

// File is what a person uploaded for models to read. Nobody but its owner reads it, an
// administrator included, and no provider keeps it: it goes out within a request.
type File struct {
	Org       OrgID
	ID        FileID
	User      UserID
	Purpose   string
	Size      int64 // of what was uploaded, in bytes
	CreatedAt time.Time
	ExpiresAt time.Time
	Head      []byte // name and type, sealed
	Content   []byte // sealed; not set in lists
}

// FileQuery chooses some of a person's files.
type FileQuery struct {
	Purpose string // "": any
	After   FileID // those that follow it; "": from the beginning
	Oldest  bool   // the oldest first; else the newest
	Limit   int
}
