package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/server/servertest"
)

// What the tests upload.
var (
	notes   = []byte("Ann's mail is ann@example.test.\n")
	picture = []byte("\x89PNG\r\n\x1a\n and no more of it")
	paper   = []byte("%PDF-1.7\n%\xe2\xe3\n")
)

// upload uploads a file and returns its id.
func upload(t testing.TB, h *servertest.House, key, name string, data []byte) string {
	t.Helper()
	a := postForm(t, h, key, "/v1/files", data, [2]string{"purpose", "user_data"}, [2]string{"file", name})
	if a.Status != http.StatusOK {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	return member(t, a.Body, "id")
}

// member is a member of an object, which is a text.
func member(t testing.TB, body, name string) string {
	t.Helper()
	var all map[string]any
	must(t, json.Unmarshal([]byte(body), &all))
	return fmt.Sprint(all[name])
}

func TestFiles(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	mark := h.Mark(t, h.Home.ID)
	a := postForm(t, h, key, "/v1/files", notes, [2]string{"purpose", "assistants"}, [2]string{"file", "dir/notes.txt"},
		[2]string{"expires_after[anchor]", "created_at"}, [2]string{"expires_after[seconds]", "3600"})
	id, created := member(t, a.Body, "id"), h.Clock.Now().Unix()
	want := fmt.Sprintf(`{"id":"%s","object":"file","bytes":%d,"created_at":%d,"expires_at":%d,"filename":"notes.txt","purpose":"assistants","status":"processed"}`,
		id, len(notes), created, created+3600)
	if a.Status != http.StatusOK || a.Body != want || !strings.HasPrefix(id, "file-") {
		t.Fatalf("got %d %s\nwant %s", a.Status, a.Body, want)
	}
	if a := h.Call(t, key, http.MethodGet, "/v1/files/"+id, ""); a.Status != http.StatusOK || a.Body != want {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	a = h.Call(t, key, http.MethodGet, "/v1/files/"+id+"/content", "")
	if a.Status != http.StatusOK || a.Body != string(notes) || a.Header.Get("Content-Type") != "text/plain" || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("got %d %q %v", a.Status, a.Body, a.Header)
	}
	for _, somebodyElse := range []string{h.Home.Admin.Key, h.Other.User.Key} {
		for _, call := range [][2]string{{http.MethodGet, ""}, {http.MethodGet, "/content"}, {http.MethodDelete, ""}} {
			if a := h.Call(t, somebodyElse, call[0], "/v1/files/"+id+call[1], ""); a.Status != http.StatusNotFound || !strings.Contains(a.Body, `{"error":{"message":"There is no such file."`) {
				t.Errorf("%s of somebody else: %d %s", call, a.Status, a.Body)
			}
		}
	}
	if a := h.Call(t, key, http.MethodDelete, "/v1/files/"+id, ""); a.Status != http.StatusOK || a.Body != `{"id":"`+id+`","object":"file","deleted":true}` {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, key, http.MethodGet, "/v1/files/"+id, ""); a.Status != http.StatusNotFound {
		t.Errorf("deleted, and %d %s", a.Status, a.Body)
	}
	var actions []string
	for _, r := range h.Records(t, h.Home.ID, mark) {
		if r.Outcome == sallyport.OutcomeSuccess || r.Actor.Key == h.Home.User.KeyID && r.Status == 200 {
			actions = append(actions, r.Action+" "+r.Resource)
		}
		if body, err := json.Marshal(r); err != nil || strings.Contains(string(body), "notes.txt") {
			t.Errorf("the trail tells %s, %v", body, err)
		}
	}
	if got := strings.Join(actions, ", "); !strings.HasPrefix(got, "files.create file/"+id+", files.get ") || !strings.HasSuffix(got, ", files.delete file/"+id) || !strings.Contains(got, "files.content ") {
		t.Errorf("the trail tells of %s", got)
	}

	expiring := upload(t, h, key, "later.txt", notes)
	h.Clock.Advance(sallyport.FilesKept)
	if a := h.Call(t, key, http.MethodGet, "/v1/files/"+expiring+"/content", ""); a.Status != http.StatusNotFound {
		t.Errorf("it is over, and %d %s", a.Status, a.Body)
	}
}

func TestFilesList(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	var ids []string
	for i := range 3 {
		ids = append(ids, upload(t, h, key, fmt.Sprintf("%d.txt", i), notes))
	}
	upload(t, h, h.Home.Admin.Key, "theirs.txt", notes)
	for _, tt := range []struct {
		query, version string
		want           []int
		more           bool
	}{
		{"", "", []int{2, 1, 0}, false},
		{"?order=asc&limit=2", "", []int{0, 1}, true},
		{"?after=" + ids[2] + "&limit=1", "", []int{1}, true},
		{"?order=asc&after=" + ids[1], "", []int{2}, false},
		{"?purpose=vision", "", nil, false},
		{"?limit=2", "2023-06-01", []int{2, 1}, true},
		{"?after_id=" + ids[1], "2023-06-01", []int{0}, false},
		{"?limit=1&before_id=" + ids[0], "2023-06-01", []int{1}, true},
	} {
		r := h.Request(t.Context(), t, key, http.MethodGet, "/v1/files"+tt.query, "")
		if tt.version != "" {
			r.Header.Set("Anthropic-Version", tt.version)
		}
		a := h.Send(t, r)
		var list struct {
			Object  string
			Data    []struct{ ID, Object, Type string }
			FirstID *string `json:"first_id"`
			LastID  *string `json:"last_id"`
			HasMore bool    `json:"has_more"`
		}
		must(t, json.Unmarshal([]byte(a.Body), &list))
		var got []int
		for _, f := range list.Data {
			for i := range ids {
				if ids[i] == f.ID {
					got = append(got, i)
				}
			}
			if (f.Type == "file") != (tt.version != "") || (f.Object == "file") != (tt.version == "") {
				t.Errorf("%s: a file is %+v", tt.query, f)
			}
		}
		if a.Status != http.StatusOK || fmt.Sprint(got) != fmt.Sprint(tt.want) || list.HasMore != tt.more || (list.FirstID == nil) != (got == nil) ||
			got != nil && (*list.FirstID != ids[got[0]] || *list.LastID != ids[got[len(got)-1]]) {
			t.Errorf("%s: got %d %s", tt.query, a.Status, a.Body)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?order=random"} {
		if a := h.Call(t, key, http.MethodGet, "/v1/files"+query, ""); a.Status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", query, a.Status, a.Body)
		}
	}
}

func TestFilesRefused(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	file, purpose := [2]string{"file", "a.txt"}, [2]string{"purpose", "user_data"}
	seconds, anchor := [2]string{"expires_after[seconds]", "3600"}, [2]string{"expires_after[anchor]", "created_at"}
	for name, tt := range map[string]struct {
		data   []byte
		fields [][2]string
		status int
		want   string
	}{
		"no file":         {notes, [][2]string{purpose}, 400, "invalid_body"},
		"an empty file":   {nil, [][2]string{purpose, file}, 400, "invalid_body"},
		"no purpose":      {notes, [][2]string{file}, 400, "invalid_body"},
		"for batches":     {notes, [][2]string{file, {"purpose", "batch"}}, 400, "unsupported_parameter"},
		"for fine-tuning": {notes, [][2]string{file, {"purpose", "fine-tune"}}, 400, "unsupported_parameter"},
		"twice":           {notes, [][2]string{file, file, purpose}, 400, "invalid_body"},
		"another field":   {notes, [][2]string{file, purpose, {"more", "1"}}, 400, "unsupported_parameter"},
		"no anchor":       {notes, [][2]string{file, purpose, seconds}, 400, "invalid_body"},
		"too soon":        {notes, [][2]string{file, purpose, anchor, {"expires_after[seconds]", "60"}}, 400, "invalid_body"},
		"an overflow":     {notes, [][2]string{file, purpose, anchor, {"expires_after[seconds]", "9223372036854775807"}}, 400, "invalid_body"},
		"too large":       {make([]byte, sallyport.FileSize+1), [][2]string{file, purpose}, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := postForm(t, h, h.Home.User.Key, "/v1/files", tt.data, tt.fields...)
			if a.Status != tt.status || tt.want != "" && !strings.Contains(a.Body, `"code":"`+tt.want+`"`) {
				t.Errorf("got %d %s, want %s", a.Status, a.Body, tt.want)
			}
		})
	}
}

// A file that a request names goes out within it, to any provider, and data protection
// reads it there.
func TestFilesNamed(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	text, image, pdf := upload(t, h, key, "notes.txt", notes), upload(t, h, key, "a.png", picture), upload(t, h, key, "a.pdf", paper)
	theirs := upload(t, h, h.Home.Admin.Key, "theirs.txt", notes)
	chat := func(model, part string) servertest.Answer {
		return h.Chat(t, key, `{"model":"`+model+`","messages":[{"role":"user","content":[{"type":"text","text":"Look."},`+part+`]}]}`)
	}
	responses := func(model, part string) servertest.Answer {
		return h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+model+`","input":[{"role":"user","content":[{"type":"input_text","text":"Look."},`+part+`]}]}`)
	}
	messages := func(model, part string) servertest.Answer {
		return h.Call(t, key, http.MethodPost, "/v1/messages", `{"model":"`+model+`","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"Look."},`+part+`]}]}`)
	}
	named := func(id string) string { return `{"type":"file","file":{"file_id":"` + id + `"}}` }
	input := func(kind, id string) string { return `{"type":"` + kind + `","file_id":"` + id + `"}` }
	block := func(kind, id string) string {
		return `{"type":"` + kind + `","source":{"type":"file","file_id":"` + id + `"}}`
	}
	for name, tt := range map[string]struct {
		ask         func(model, part string) servertest.Answer
		model, part string
		status      int
		want        string // of what the provider gets, or of the refusal
	}{
		"text in chat":                {chat, servertest.Model, named(text), 200, `{"type":"text","text":"File \"notes.txt\":\n\nAnn's mail is ⟦EMAIL_ADDRESS:`},
		"image in chat":               {chat, servertest.Model, named(image), 200, `{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgog`},
		"text in chat, for Claude":    {chat, servertest.Claude, named(text), 200, `File \"notes.txt\":\n\nAnn's mail is ⟦EMAIL_ADDRESS:`},
		"text in a response":          {responses, servertest.Model, input("input_file", text), 200, `{"type":"input_text","text":"File \"notes.txt\":\n\nAnn's mail is ⟦EMAIL_ADDRESS:`},
		"image in a response":         {responses, servertest.Model, input("input_image", image), 200, `{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgog`},
		"image as a file":             {responses, servertest.Model, input("input_file", image), 200, `{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgog`},
		"image in a response, Claude": {responses, servertest.Claude, input("input_image", image), 200, `"media_type":"image/png","data":"iVBORw0KGgog`},
		"text in a message":           {messages, servertest.Claude, block("document", text), 200, `"source":{"data":"Ann's mail is ⟦EMAIL_ADDRESS:`},
		"image in a message":          {messages, servertest.Claude, block("image", image), 200, `"source":{"data":"iVBORw0KGgog`},
		"what cannot be read":         {chat, servertest.Model, named(pdf), 400, "dlp_blocked"},
		"a text is no image":          {responses, servertest.Model, input("input_image", text), 400, "must be the id of an image"},
		"an image is no document":     {messages, servertest.Claude, block("document", image), 400, `{"type":"error","error":{"type":"invalid_request_error"`},
		"both":                        {chat, servertest.Model, `{"type":"file","file":{"file_id":"` + text + `","file_data":"data:text/plain;base64,YQ=="}}`, 400, "not both"},
		"somebody else's, chat":       {chat, servertest.Model, named(theirs), 404, `"code":"not_found"`},
		"somebody else's, a response": {responses, servertest.Model, input("input_file", theirs), 404, `"type":"not_found"`},
		"somebody else's, a message":  {messages, servertest.Claude, block("document", theirs), 404, `{"type":"error","error":{"type":"not_found_error"`},
		"nobody's, of the provider":   {chat, servertest.Model, named("file-of-the-provider"), 404, `"code":"not_found"`},
	} {
		t.Run(name, func(t *testing.T) {
			asked := len(h.Fake.Requests())
			a := tt.ask(tt.model, tt.part)
			if a.Status != tt.status {
				t.Fatalf("got %d %s", a.Status, a.Body)
			}
			if tt.status != http.StatusOK {
				if len(h.Fake.Requests()) != asked || !strings.Contains(a.Body, tt.want) {
					t.Errorf("got %s", a.Body)
				}
				return
			}
			if got := string(lastRequest(h).Body); !strings.Contains(got, tt.want) || strings.Contains(got, "ann@") || strings.Contains(got, "file_id") {
				t.Errorf("the provider got %s", got)
			}
		})
	}
}

// A response that follows another sends the files of both again, and what is stored
// names them.
func TestFilesOfStoredResponses(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	key := h.Home.User.Key
	id := upload(t, h, key, "a.png", picture)
	a := h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+servertest.Model+`","input":[{"role":"user","content":[{"type":"input_image","file_id":"`+id+`"}]}]}`)
	previous := member(t, a.Body, "id")
	a = h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+servertest.Model+`","previous_response_id":"`+previous+`","input":"And now?"}`)
	if a.Status != http.StatusOK || !strings.Contains(string(lastRequest(h).Body), `"image_url":"data:image/png;base64,`) {
		t.Errorf("got %d %s; the provider got %s", a.Status, a.Body, lastRequest(h).Body)
	}
	if a := h.Call(t, key, http.MethodGet, "/v1/responses/"+previous+"/input_items", ""); !strings.Contains(a.Body, `"file_id":"`+id+`"`) || strings.Contains(a.Body, "base64") {
		t.Errorf("stored is %s", a.Body)
	}
	h.Call(t, key, http.MethodDelete, "/v1/files/"+id, "")
	if a := h.Call(t, key, http.MethodPost, "/v1/responses", `{"model":"`+servertest.Model+`","previous_response_id":"`+previous+`","input":"And now?"}`); a.Status != http.StatusNotFound {
		t.Errorf("the file is deleted, and %d %s", a.Status, a.Body)
	}
}

// Anthropic's clients find files in the shape of their own API.
func TestFilesAnthropic(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	send := func(method, path, contentType, body string) servertest.Answer {
		r := h.Request(t.Context(), t, h.Home.User.Key, method, path, body)
		r.Header.Set("Anthropic-Version", "2023-06-01")
		r.Header.Set("Anthropic-Beta", "files-api-2025-04-14")
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		return h.Send(t, r)
	}
	body, contentType := form(t, picture, [2]string{"file", "a.png"}, [2]string{"expires_in_seconds", "7200"})
	a := send(http.MethodPost, "/v1/files", contentType, body)
	id := member(t, a.Body, "id")
	want := fmt.Sprintf(`{"id":"%s","type":"file","filename":"a.png","mime_type":"image/png","size_bytes":%d,"created_at":"%s","expires_at":"%s","downloadable":true}`,
		id, len(picture), h.Clock.Now().UTC().Format(time.RFC3339Nano), h.Clock.Now().Add(2*time.Hour).UTC().Format(time.RFC3339Nano))
	if a.Status != http.StatusOK || a.Body != want {
		t.Fatalf("got %d %s\nwant %s", a.Status, a.Body, want)
	}
	if a := send(http.MethodGet, "/v1/files/"+id, "", ""); a.Body != want {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := send(http.MethodDelete, "/v1/files/"+id, "", ""); a.Body != `{"id":"`+id+`","type":"file_deleted"}` {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if a := send(http.MethodGet, "/v1/files/"+id, "", ""); a.Status != http.StatusNotFound || !strings.HasPrefix(a.Body, `{"type":"error","error":{"type":"not_found_error"`) {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}

// An administrator erases what a person uploaded, without reading it.
func TestEraseFiles(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.Options{})
	id := upload(t, h, h.Home.User.Key, "a.txt", notes)
	kept := upload(t, h, h.Home.Admin.Key, "b.txt", notes)
	erase := `{"what":"files","user_id":"` + string(h.Home.User.ID) + `"}`
	if a := h.Call(t, h.Home.User.Key, http.MethodPost, "/api/v1/audit/erasures", erase); a.Status != http.StatusForbidden {
		t.Errorf("a member erases: %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.Admin.Key, http.MethodPost, "/api/v1/audit/erasures", erase); a.Status != http.StatusOK || !strings.Contains(a.Body, `"erased":1`) {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.User.Key, http.MethodGet, "/v1/files/"+id, ""); a.Status != http.StatusNotFound {
		t.Errorf("it is erased, and %d %s", a.Status, a.Body)
	}
	if a := h.Call(t, h.Home.Admin.Key, http.MethodGet, "/v1/files/"+kept, ""); a.Status != http.StatusOK {
		t.Errorf("somebody else's: %d %s", a.Status, a.Body)
	}
}
