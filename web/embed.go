// Package web is the Terminal: the pages that people use in a browser. Its
// sources are React and are built by Vite into dist, which this file puts into
// the program. Without a build there is a stub in its place that says how to
// make one, so that the program can be built without Node.
//
// internal/server/terminal.go serves it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed stub.html
var stub []byte

// Files are what the build made: index.html, and what it needs.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return files
}

// Page is index.html, or the stub while nothing was built.
func Page() []byte {
	page, err := dist.ReadFile("dist/index.html")
	if err != nil {
		return stub
	}
	return page
}
