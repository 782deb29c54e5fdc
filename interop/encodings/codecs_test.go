package encodings_test

import (
	"bytes"
	"database/sql"
	"encoding/gob"
	jsonstd "encoding/json"
	"encoding/xml"
	"net/url"

	"github.com/BurntSushi/toml"
	"github.com/bytedance/sonic"
	"github.com/fxamacker/cbor/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-viper/mapstructure/v2"
	goccyjson "github.com/goccy/go-json"
	goccyyaml "github.com/goccy/go-yaml"
	"github.com/google/go-querystring/query"
	"github.com/gorilla/schema"
	jsoniter "github.com/json-iterator/go"
	pelletier "github.com/pelletier/go-toml/v2"
	shamaton "github.com/shamaton/msgpack/v2"
	"github.com/ugorji/go/codec"
	"github.com/vmihailenco/msgpack/v5"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.yaml.in/yaml/v3"
	_ "modernc.org/sqlite" // the driver
	sigsyaml "sigs.k8s.io/yaml"
)

// library encodes any value and decodes it into a pointer. It may panic.
type library struct {
	name   string
	encode func(v any) (any, error)
	decode func(data, p any) error
}

// libraries are the rows of the table, in its order.
func libraries(db *sql.DB) []library {
	return []library{
		ofBytes("encoding/json", jsonstd.Marshal, jsonstd.Unmarshal),
		ofBytes("go-json-experiment/json", func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
			func(data []byte, p any) error { return jsonv2.Unmarshal(data, p) }),
		ofBytes("goccy/go-json", goccyjson.Marshal, goccyjson.Unmarshal),
		ofBytes("json-iterator/go", jsoniter.Marshal, jsoniter.Unmarshal),
		ofBytes("bytedance/sonic", sonic.Marshal, sonic.Unmarshal),
		ofBytes("encoding/gob", encodeGob, decodeGob),
		ofBytes("fxamacker/cbor", cbor.Marshal, cbor.Unmarshal),
		ofBytes("vmihailenco/msgpack", msgpack.Marshal, msgpack.Unmarshal),
		ofUgorji("ugorji/go/codec, CBOR", &codec.CborHandle{}),
		ofUgorji("ugorji/go/codec, MessagePack", &codec.MsgpackHandle{WriteExt: true}),
		ofUgorji("ugorji/go/codec, JSON", &codec.JsonHandle{}),
		ofBytes("shamaton/msgpack", shamaton.Marshal, shamaton.Unmarshal),
		ofBytes("mongo-driver/bson", bson.Marshal, bson.Unmarshal),
		ofBytes("go.yaml.in/yaml/v3", yaml.Marshal, yaml.Unmarshal),
		ofBytes("goccy/go-yaml", goccyyaml.Marshal, goccyyaml.Unmarshal),
		ofBytes("sigs.k8s.io/yaml", sigsyaml.Marshal, func(data []byte, p any) error { return sigsyaml.Unmarshal(data, p) }),
		ofBytes("BurntSushi/toml", toml.Marshal, toml.Unmarshal),
		ofBytes("pelletier/go-toml", pelletier.Marshal, pelletier.Unmarshal),
		ofBytes("encoding/xml", xml.Marshal, xml.Unmarshal),
		{"gorilla/schema", encodeSchema, decodeSchema},
		{"google/go-querystring, gorilla/schema", func(v any) (any, error) { return query.Values(v) }, decodeSchema},
		{"go-viper/mapstructure", encodeMap, decodeMap},
		ofSQL("database/sql, modernc.org/sqlite", db),
	}
}

func ofBytes(name string, encode func(any) ([]byte, error), decode func([]byte, any) error) library {
	return library{
		name,
		func(v any) (any, error) { return encode(v) },
		func(data, p any) error { return decode(data.([]byte), p) },
	}
}

func encodeGob(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decodeGob(data []byte, p any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(p) }

func ofUgorji(name string, h codec.Handle) library {
	return ofBytes(
		name,
		func(v any) (data []byte, err error) {
			err = codec.NewEncoderBytes(&data, h).Encode(v)
			return data, err
		},
		func(data []byte, p any) error { return codec.NewDecoderBytes(data, h).Decode(p) },
	)
}

func encodeSchema(v any) (any, error) {
	values := url.Values{}
	err := schema.NewEncoder().Encode(v, values)
	return values, err
}

func decodeSchema(data, p any) error { return schema.NewDecoder().Decode(p, data.(url.Values)) }

func encodeMap(v any) (any, error) {
	var m map[string]any
	err := mapstructure.Decode(v, &m)
	return m, err
}

func decodeMap(data, p any) error { return mapstructure.Decode(data, p) }

// ofSQL keeps each value in a column without a type.
func ofSQL(name string, db *sql.DB) library {
	return library{
		name,
		func(v any) (any, error) {
			r, err := db.Exec(`INSERT INTO held (v) VALUES (?)`, v)
			if err != nil {
				return nil, err
			}
			return r.LastInsertId()
		},
		func(id, p any) error { return db.QueryRow(`SELECT v FROM held WHERE id = ?`, id).Scan(p) },
	}
}
