package dlp

import "strings"

// wordsMax is how far before a number the words are read that tell what it is.
const wordsMax = 48

// told is what the words before a number say of it.
type told uint8

const (
	nothing told = iota
	names        // they name the type
	denies       // they name another kind of number
)

// vocabulary has the words, in lower case, that name a type of number.
type vocabulary map[string]bool

var (
	cardWords  = newVocabulary("card cards creditcard debit visa mastercard amex maestro jcb karte kreditkarte tarjeta carte")
	ssnWords   = newVocabulary("ssn ssns social socialsecurity ss sozialversicherungsnummer")
	phoneWords = newVocabulary(`phone phones tel telephone telefon telefone telefono teléfono téléphone telefoon mobile mobil mobiel movil móvil
		handy cell cellphone call calling called caller dial fax sms whatsapp texted hotline landline ring contact reach
		cep gsm numara portable voicemail signal telegram viber phonenumber festnetz rufnummer celular lamba puhelin telefonnummer`)
	phoneWordsAfter = newVocabulary("office fax mobile cell phone tel home work landline mobil handy")
	otherNumbers    = newVocabulary(`order invoice account ticket case tracking serial reference ref id part model policy ein passport licence license
		version isbn issn sku item po rfc commit build release zip postcode vin customer transaction bestellung rechnung port
		pid line lines row page pages bytes size offset index timestamp date time year total amount price usd eur gbp iban`)
)

func newVocabulary(words string) vocabulary {
	v := make(vocabulary)
	for word := range strings.FieldsSeq(words) {
		v[word] = true
	}
	return v
}

// wordsBefore reads the words before a number from the nearest on; the first that
// is known decides.
func wordsBefore(text string, start int, own vocabulary) told {
	end := start
	low := max(0, start-wordsMax)
	for end > low {
		for end > low && !isWordByte(text[end-1]) {
			end--
		}
		begin := end
		for begin > low && isWordByte(text[begin-1]) {
			begin--
		}
		if begin == low && low > 0 {
			return nothing // cut off
		}
		switch word := strings.ToLower(text[begin:end]); {
		case own[word]:
			return names

		case otherNumbers[word]:
			return denies
		}
		end = begin
	}
	return nothing
}

func isWordByte(c byte) bool { return isLetter(c) || c >= 0x80 }
