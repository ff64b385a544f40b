package credit

import (
	"bytes"
	"encoding/binary"
)

// mp3Seconds adds up the frames of an MP3 file (ISO 11172-3 and 13818-3, layer III), each of
// which tells its own size and has a fixed number of samples. known is false when anything
// else stands in the file than frames of one kind and tags at both ends: a decoder would
// look for the next frame, and where it finds one nobody knows.
func mp3Seconds(file []byte) (seconds int64, known bool) {
	rest, ok := withoutTags(file)
	if !ok || len(rest) == 0 {
		return 0, false
	}
	var samples, rate int64
	for len(rest) > 0 {
		f, ok := mp3FrameOf(rest)
		if !ok || rate != 0 && f.rate != rate {
			return 0, false
		}
		rate = f.rate
		samples += f.samples
		rest = rest[min(f.size, len(rest)):] // the last may be cut off
	}
	return (samples + rate - 1) / rate, true
}

// withoutTags is file without the tags at its ends: ID3v2 before it, ID3v1 behind it.
func withoutTags(file []byte) (rest []byte, ok bool) {
	const head, footer, id3v1 = 10, 0x10, 128
	if at := len(file) - id3v1; at >= 0 && bytes.HasPrefix(file[at:], []byte("TAG")) {
		file = file[:at]
	}
	if len(file) < head || !bytes.HasPrefix(file, []byte("ID3")) {
		return file, true
	}
	size := 0 // of seven bits a byte
	for _, b := range file[6:head] {
		if b >= 0x80 {
			return nil, false
		}
		size = size<<7 | int(b)
	}
	if size > len(file)-head || file[5]&footer != 0 {
		return nil, false
	}
	return file[head+size:], true
}

type mp3Frame struct {
	size          int // bytes
	samples, rate int64
}

// kbit/s by the number in a frame's head; 0 is any, and is not measured here.
var (
	mp3Rates    = [16]int64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	mp3LowRates = [16]int64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
)

// mp3FrameOf reads the head of the frame with which rest begins.
func mp3FrameOf(rest []byte) (f mp3Frame, ok bool) {
	const syncAndLayer, layer3 = 0xFFE6_0000, 0xFFE2_0000
	if len(rest) < 4 {
		return f, false
	}
	head := binary.BigEndian.Uint32(rest)
	version, rate := head>>19&3, head>>10&3
	if head&syncAndLayer != layer3 || version == 1 || rate == 3 {
		return f, false
	}
	kbits := mp3LowRates[head>>12&15]
	f.samples, f.rate = 576, [3]int64{44_100, 48_000, 32_000}[rate]
	switch version {
	case 3: // MPEG 1
		f.samples, kbits = 1152, mp3Rates[head>>12&15]
	case 2: // MPEG 2
		f.rate /= 2
	case 0: // "MPEG 2.5"
		f.rate /= 4
	}
	f.size = int(f.samples/8*kbits*1000/f.rate) + int(head>>9&1)
	return f, kbits > 0
}
