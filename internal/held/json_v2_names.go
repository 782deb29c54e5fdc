//go:build goexperiment.jsonv2 && go1.27

package held

import (
	jsonv1 "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
)

// What came with Go 1.27 is named here alone, because vet wants a file for
// Go 1.26 to do without.

// The types of encoding/json/v2.
type (
	Encoder         = jsontext.Encoder
	Decoder         = jsontext.Decoder
	semanticError   = json.SemanticError
	unmarshalerFrom = json.UnmarshalerFrom
)

// MarshalEncode is [json.MarshalEncode] with the options of enc.
func MarshalEncode(enc *Encoder, v any) error { return json.MarshalEncode(enc, v) }

func unmarshalDecode(dec *Decoder, p any) error {
	return json.UnmarshalDecode(dec, p, jsonv1.ReportErrorsWithLegacySemantics(false))
}

func reportsLegacyErrors(dec *Decoder) bool {
	legacy, _ := json.GetOption(dec.Options(), jsonv1.ReportErrorsWithLegacySemantics)
	return legacy
}
