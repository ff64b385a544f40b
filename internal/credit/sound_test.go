package credit

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// heard makes a request to turn the file into text.
func heard(t testing.TB, file []byte) *llm.Request {
	t.Helper()
	req, _ := request(t, "")
	req.Operation, req.Audio = llm.Transcribe, &llm.Audio{Data: file}
	return req
}

// wav makes a file of so many seconds of PCM, 16 kHz, 16 bits, one channel, whose
// header says perSecond bytes a second and that format.
func wav(seconds int, format uint16, perSecond uint32) []byte {
	var b bytes.Buffer
	data := make([]byte, seconds*32_000)
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&b, binary.LittleEndian, v)
		}
	}
	put([]byte("RIFF"), uint32(36+len(data)), []byte("WAVE"), []byte("JUNK"), uint32(3), []byte("abc\x00"),
		[]byte("fmt "), uint32(16), format, uint16(1), uint32(16_000), perSecond, uint16(2), uint16(16),
		[]byte("data"), uint32(len(data)), data)
	return b.Bytes()
}

func TestBound_sound(t *testing.T) {
	for name, test := range map[string]struct {
		file []byte
		want int64 // seconds
	}{
		"a byte":                        {[]byte{1}, 1},
		"a megabyte of anything":        {make([]byte, 1_000_000), 2000},
		"ten seconds of PCM":            {wav(10, 1, 32_000), 11},
		"PCM that contradicts itself":   {wav(10, 1, 64_000), 641},
		"another coding in a WAV file":  {wav(10, 17, 32_000), 641},
		"a WAV file that ends too soon": {wav(1, 1, 32_000)[:40], 1},
	} {
		t.Run(name, func(t *testing.T) {
			req := heard(t, test.file)
			got := Bound(req, sallyport.Model{OutputMax: 2000}, int64(len(test.file)), 0)
			want := sallyport.Usage{
				AudioSeconds: test.want, Input: test.want*AudioTokens + int64(len(req.Body.Raw())), Output: min(test.want*AudioTokens, 2000),
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if likely := Estimate(req, sallyport.Model{}, int64(len(test.file)), 0); likely.Total() > got.Total() || likely.AudioSeconds > got.AudioSeconds {
				t.Errorf("probably %+v is more than at most %+v", likely, got)
			}
		})
	}
}
