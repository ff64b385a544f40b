package credit

import (
	"bytes"
	"encoding/binary"

	"github.com/sallyport-ai/sallyport"
	"github.com/sallyport-ai/sallyport/internal/llm"
)

// How much is heard in a file of sound. Nobody decodes it here.
const (
	// bytesPerSecondMin is the thinnest sound that is reckoned with: 4 kbit/s. Opus
	// begins at 6 (RFC 6716, section 2.1.1), MP3 and AAC at 8.
	bytesPerSecondMin = 500
	// bytesPerSecond is that of usual recordings, 64 kbit/s.
	bytesPerSecond = 8000
	// AudioTokens is how many tokens a second of sound has, at most: OpenAI's models
	// count 10, Mistral's Voxtral 12.5.
	AudioTokens = 13
)

// heardAtMost is the bound of a transcription, and what it is charged where the provider
// tells nothing: as many seconds as soundSeconds reads, else as the bytes could hold;
// their tokens and one for each byte of the fields; and
// as many tokens of text as the model writes, else as of sound.
func heardAtMost(req *llm.Request, m sallyport.Model) sallyport.Usage {
	seconds, known := soundSeconds(req.Audio.Data)
	if !known {
		seconds = upTo(len(req.Audio.Data), bytesPerSecondMin)
	}
	tokens := times(seconds, AudioTokens)
	u := sallyport.Usage{AudioSeconds: seconds, Input: add(tokens, int64(len(req.Body.Raw()))), Output: tokens}
	if m.OutputMax > 0 {
		u.Output = min(u.Output, m.OutputMax)
	}
	return u
}

// heardProbably is what a transcription takes of limits, before anybody knows, and what
// it is charged when it broke off.
func heardProbably(req *llm.Request, deliveredChars int64) sallyport.Usage {
	seconds, known := soundSeconds(req.Audio.Data)
	if !known {
		seconds = upTo(len(req.Audio.Data), bytesPerSecond)
	}
	return sallyport.Usage{
		AudioSeconds: seconds, Input: add(times(seconds, AudioTokens), tokensOf(int64(len(req.Body.Raw())))),
		Output: tokensOf(deliveredChars),
	}
}

func upTo(bytes, perSecond int) int64 { return int64((bytes + perSecond - 1) / perSecond) }

// Heard is what a provider says it heard, in what the price of m counts. known is
// false when it did not say that. Who tells seconds of a model that is priced by
// tokens is charged for the tokens that those have.
func Heard(u sallyport.Usage, m sallyport.Model) (_ sallyport.Usage, known bool) {
	if m.Price.Second > 0 {
		return u, u.AudioSeconds > 0
	}
	if u.Input == 0 && u.Output == 0 {
		u.Input = times(u.AudioSeconds, AudioTokens)
	}
	return u, true
}

// soundSeconds reads how long a file is whose bytes cannot hold more than they say: plain
// PCM and MP3. Containers that only tell a length (MP4, Ogg, WebM, the head of FLAC) could tell
// less than a provider hears and bills. The end of the last line of subtitles could, too: the
// silence behind it is billed.
func soundSeconds(file []byte) (seconds int64, known bool) {
	if seconds, known = wavSeconds(file); known {
		return seconds, known
	}
	return mp3Seconds(file)
}

// wavSeconds reads how long plain PCM is, whose bytes are in proportion to its time;
// known is false for all else. A header that contradicts itself, or tells of more sound
// in a second than anybody can hear, is not believed.
func wavSeconds(file []byte) (seconds int64, known bool) {
	const pcm, riffHead, chunkHead, formatSize = 1, 12, 8, 16
	const perSecondMax = 192_000 * 8 * 4 // 192 kHz, eight channels of 32 bits
	if len(file) < riffHead || !bytes.Equal(file[:4], []byte("RIFF")) || !bytes.Equal(file[8:riffHead], []byte("WAVE")) {
		return 0, false
	}
	perSecond := int64(0) // of the format; 0: it was not told yet
	for rest := file[riffHead:]; len(rest) >= chunkHead; {
		size := int64(binary.LittleEndian.Uint32(rest[4:chunkHead]))
		name, body := string(rest[:4]), rest[chunkHead:]
		switch {
		case name == "data" && perSecond > 0:
			return (int64(len(body)) + perSecond - 1) / perSecond, true // whatever size says
		case name == "data":
			return 0, false
		case name == "fmt " && (perSecond > 0 || size < formatSize || len(body) < formatSize):
			return 0, false // which of two would be heard, nobody knows
		case name == "fmt ":
			channels, rate := int64(binary.LittleEndian.Uint16(body[2:])), int64(binary.LittleEndian.Uint32(body[4:]))
			bits := int64(binary.LittleEndian.Uint16(body[14:]))
			perSecond = int64(binary.LittleEndian.Uint32(body[8:]))
			if binary.LittleEndian.Uint16(body) != pcm || perSecond == 0 || perSecond > perSecondMax || perSecond != rate*channels*bits/8 {
				return 0, false
			}
		}
		size += size % 2 // chunks begin at even places
		rest = body[min(size, int64(len(body))):]
	}
	return 0, false
}
