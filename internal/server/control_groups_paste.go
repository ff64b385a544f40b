package server

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport-ai/sallyport"
)

type groupPaste struct {
	ID   sallyport.GroupID `path:"id"`
	Body struct {
		Emails string `json:"emails" minLength:"1" maxLength:"65536" doc:"Addresses as they were pasted, with anything between them"`
	}
}

// pasteView tells whom a list means, before anything is changed.
type pasteView struct {
	Found   []memberView `json:"found" doc:"Members of the organisation who are not in the group"`
	Already []memberView `json:"already" doc:"Who is in the group"`
	Unknown []string     `json:"unknown" doc:"Addresses of nobody in the organisation; they are in no record"`
}

// previewMembers finds members in what somebody has pasted, perhaps out of a
// mail: "Ann <ann@example.com>; bob@example.com". What has no @ is a name.
func (s *Server) previewMembers(ctx context.Context, p sallyport.Principal, in *groupPaste) (pasteView, error) {
	inGroup, err := s.parts.Control.GroupMembers(ctx, p.Org, in.ID)
	if err != nil {
		return pasteView{}, err
	}
	members, err := s.parts.Control.Members(ctx, p.Org)
	if err != nil {
		return pasteView{}, err
	}
	view := pasteView{Found: []memberView{}, Already: []memberView{}, Unknown: []string{}}
	for _, email := range pastedEmails(in.Body.Emails) {
		is := func(m sallyport.Membership) bool { return m.User.Email == email }
		switch i := slices.IndexFunc(members, is); {
		case i < 0:
			view.Unknown = append(view.Unknown, email)
		case slices.ContainsFunc(inGroup, is):
			view.Already = append(view.Already, viewMember(members[i]))
		default:
			view.Found = append(view.Found, viewMember(members[i]))
		}
	}
	return view, nil
}

// pastedEmails are the addresses in a text, in lower case, each once.
func pastedEmails(text string) (emails []string) {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" \t\r\n,;<>\"'()", r) })
	for _, word := range words {
		word = strings.TrimPrefix(word, "mailto:")
		if strings.Contains(word, "@") && !slices.Contains(emails, word) {
			emails = append(emails, word)
		}
	}
	return emails
}

func viewMember(m sallyport.Membership) memberView {
	return memberView{m.User.ID, m.User.Email, m.User.Name, m.Role}
}
