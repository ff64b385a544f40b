package credit

import (
	"bytes"
	"encoding/binary"
	"slices"
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

// hasty says of a file that it is to be played so many times as fast.
func hasty(file []byte, times uint32) []byte {
	binary.LittleEndian.PutUint32(file[36:], times*16_000)
	binary.LittleEndian.PutUint32(file[40:], times*32_000)
	return file
}

// mp3 makes a file of so many frames of that head and size.
func mp3(head uint32, size, frames int) (file []byte) {
	frame := binary.BigEndian.AppendUint32(nil, head)
	return bytes.Repeat(append(frame, make([]byte, size-len(frame))...), frames)
}

func TestBound_sound(t *testing.T) {
	for name, test := range map[string]struct {
		file []byte
		want int64 // seconds
	}{
		"a byte":                        {[]byte{1}, 1},
		"a megabyte of anything":        {make([]byte, 1_000_000), 2000},
		"ten seconds of PCM":            {wav(10, 1, 32_000), 10},
		"PCM that contradicts itself":   {wav(10, 1, 64_000), 641},
		"another coding in a WAV file":  {wav(10, 17, 32_000), 641},
		"a WAV file that ends too soon": {wav(1, 1, 32_000)[:40], 1},
		"PCM that nobody could hear":    {hasty(wav(10, 1, 32_000), 1_000), 641},
		"PCM before its format":         {slices.Insert(wav(10, 1, 32_000), 12, []byte("data\x00\x00\x00\x00")...), 641},
		"MP3":                           {mp3(0xFFFB9064, 417, 3829), 101}, // 128 kbit/s, 44.1 kHz: 26.12 ms a frame
		"MP3 of a low rate":             {mp3(0xFFE31800, 72, 1000), 72},   // 8 kbit/s, 8 kHz: 72 ms a frame
		"MP3 with tags":                 {slices.Concat([]byte("ID3\x04\x00\x00\x00\x00\x01\x02"), make([]byte, 130), mp3(0xFFF38064, 208, 10), []byte("TAG"), make([]byte, 125)), 1},
		"MP3 that is cut off":           {mp3(0xFFFB9064, 417, 39)[:38*417+9], 2},
		"MP3 with something behind it":  {append(mp3(0xFFFB9064, 417, 100), 1, 2, 3, 4, 5), 84},
		"MP3 of two rates":              {append(mp3(0xFFFB9064, 417, 50), mp3(0xFFFB9464, 384, 50)...), 81},
		"MP3 of any rate":               {mp3(0xFFFB0064, 500, 3), 3},
		"a tag longer than its file":    {[]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f\xff\xfb\x90\x64"), 1},
		"PCM of two formats":            {slices.Insert(wav(10, 1, 32_000), 12, hasty(wav(0, 1, 32_000), 10)[24:48]...), 641},
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

// Whatever a file says, its bound is no more than its bytes could hold of the thinnest sound, and
// reading it ends.
func FuzzSound(f *testing.F) {
	f.Add(wav(1, 1, 32_000)[:100])
	f.Add(mp3(0xFFFB9064, 417, 3))
	f.Add([]byte("ID3\x04\x00\x00\x00\x00\x00\x00\xff\xe3\x18\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		// A frame that is cut off counts as a whole one, of 72 ms at most.
		if seconds, known := mp3Seconds(file); known && (seconds < 1 || seconds > upTo(len(file), bytesPerSecondMin)+1) {
			t.Fatalf("%d bytes are %d seconds", len(file), seconds)
		}
		if seconds, known := wavSeconds(file); known && seconds > int64(len(file)) {
			t.Fatalf("%d bytes are %d seconds of PCM", len(file), seconds)
		}
	})
}
