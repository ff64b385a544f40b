package chat

import (
	"context"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/sallyport-ai/sallyport"
)

// A search opens the person's own conversations one after the other, in the order
// of the list, and looks for the words in titles and texts. What is sealed has no
// index, so each request does a bounded piece of it: when it breaks off, its
// cursor says where to go on, and a page may have found nothing.
const (
	searchMessages = 2_000 // opened by one request
	searchTime     = 2 * time.Second
	searchBatch    = 100 // read at a time
	searchTextMax  = 200 // characters that are looked for
	snippetAround  = 60  // characters before and after what was found
)

// Hit is where a search found something: in the title, or in a message.
type Hit struct {
	Message sallyport.MessageID `json:"message" doc:"Empty: in the title"`
	Before  string              `json:"before"`
	Match   string              `json:"match"`
	After   string              `json:"after"`
}

// search is the work of one request.
type search struct {
	*Chats
	who   sallyport.Principal
	words *regexp.Regexp
	left  int       // messages that may still be opened
	late  time.Time // when it breaks off
}

func (c *Chats) search(ctx context.Context, who sallyport.Principal, q Query, at cursor) (Page, error) {
	if utf8.RuneCountInString(q.Text) > searchTextMax || !utf8.ValidString(q.Text) {
		return Page{}, invalid("A search has at most %d characters.", searchTextMax)
	}
	s := search{
		Chats: c, who: who, words: regexp.MustCompile(`(?i)` + regexp.QuoteMeta(q.Text)),
		left: searchMessages, late: time.Now().Add(searchTime),
	}
	p := Page{Conversations: []Conversation{}}
	if at.Message != "" { // the last request broke off in the middle of this one
		row, err := c.Store.Conversation(ctx, who.Org, who.User, at.ID)
		if err == nil {
			err = s.add(ctx, &p, row, at.Message)
		}
		if err != nil && sallyport.CodeOf(err) != sallyport.NotFound || p.Next != "" {
			return p, err
		}
	}
	for {
		rows, err := c.Store.Conversations(ctx, who.Org, who.User, sallyport.ConversationQuery{
			Archived: q.Archived, After: at.after(), Limit: searchBatch,
		})
		if err != nil || len(rows) == 0 {
			return p, err
		}
		for _, row := range rows {
			if len(p.Conversations) == q.Limit || s.over() {
				p.Next = at.String()
				return p, nil
			}
			if err := s.add(ctx, &p, row, ""); err != nil || p.Next != "" {
				return p, err
			}
			at = cursorAt(row)
		}
	}
}

func (s *search) over() bool { return s.left <= 0 || time.Now().After(s.late) }

// add adds the conversation when something is found in it. When the search must
// break off in the middle, it sets the page's Next.
func (s *search) add(ctx context.Context, p *Page, row sallyport.Conversation, after sallyport.MessageID) error {
	v, err := s.open(ctx, row)
	if err != nil {
		return err
	}
	if after == "" {
		v.Hit = s.in("", v.Title)
		s.left-- // a conversation costs as much as a message
	}
	for v.Hit == nil {
		batch, err := s.Store.Messages(ctx, s.who.Org, row.ID, after, searchBatch)
		if err != nil {
			return err
		}
		for _, m := range batch {
			said, err := s.content(ctx, m)
			if err != nil {
				return err
			}
			after = m.ID
			if v.Hit = s.in(m.ID, said.Text); v.Hit != nil {
				break
			}
		}
		s.left -= len(batch)
		if v.Hit != nil || len(batch) < searchBatch {
			break
		}
		if s.over() {
			next := cursorAt(row)
			next.Message = after
			p.Next = next.String()
			return nil
		}
	}
	if v.Hit != nil {
		p.Conversations = append(p.Conversations, v)
	}
	return nil
}

// in looks into one text.
func (s *search) in(message sallyport.MessageID, text string) *Hit {
	at := s.words.FindStringIndex(text)
	if at == nil {
		return nil
	}
	return &Hit{Message: message, Before: lastRunes(text[:at[0]], snippetAround), Match: text[at[0]:at[1]], After: firstRunes(text[at[1]:], snippetAround)}
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

func lastRunes(text string, n int) string {
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return text[at:]
}
