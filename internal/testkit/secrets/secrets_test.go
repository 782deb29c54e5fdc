// Package secrets checks that nothing in the module prints a secret: it prints a
// value of every exported type of every public package, in every way.
package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/diagram"
	"github.com/coderrange/ferrous/seatmap"
)

const (
	event   = "concert"
	keyText = "the-secret-key-of-ann"
)

// secret is bytes that must not be seen.
type secret []byte

// forms returns the texts as which the bytes could be seen.
func (s secret) forms() []string {
	decimal := strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]")
	forms := []string{
		string(s), hex.EncodeToString(s), fmt.Sprintf("% x", []byte(s)), decimal, strings.ReplaceAll(decimal, " ", ","),
		strings.ReplaceAll(decimal, " ", ", "), strings.Trim(fmt.Sprintf("%#v", []byte(s)), "[]byte{}"),
	}
	for before := range 3 { // as part of something longer
		padded := append(make([]byte, before), s...)
		text := base64.StdEncoding.EncodeToString(padded)
		whole := text[(before*8+5)/6 : (len(padded)*8)/6]
		forms = append(forms, whole, strings.NewReplacer("+", "-", "/", "_").Replace(whole))
	}
	return forms
}

// printed is a value that was printed in some way.
type printed struct{ how, text string }

// hiding and direct are users' structs. fmt cannot call the methods of what is
// in hiding; a field of direct has its own type.
type (
	hiding        struct{ v any }
	open          struct{ V any }
	direct[T any] struct{ v T }
)

// nested returns the value in all that a user puts it into.
func nested(v any) []any {
	return []any{
		v, &v,
		open{v},
		&open{v},
		hiding{v},
		&hiding{v}, &direct[*hiding]{&hiding{v}},
		[]any{v},
		[1]any{v},
		map[string]any{"v": v},
		map[string]open{"v": {v}},
		fmt.Errorf("wrapped: %v", v), slog.Any("v", v),
	}
}

// everyWay prints the value in every way.
func everyWay(v any) (all []printed) {
	for _, v := range nested(v) {
		for verb := range strings.FieldsSeq("%v %+v %#v %s %+s %#s %q %+q %#q %x %X %#x %d %+d %o %O %b %c %U %#U %e %E %f %g %G %t %p %w %!") {
			all = append(all, printed{verb, fmt.Sprintf(verb, v)})
		}
		all = append(all, printed{"% x", fmt.Sprintf("% x % X %# x", v, v, v)}, printed{"Sprint", fmt.Sprint(v) + fmt.Sprintln(v)})
		var log bytes.Buffer
		picture := diagram.Options{Boxes: 300, Elements: 100, Bytes: 8}.Capture(diagram.Var("v", &v))
		all = append(all, printed{"diagram", picture.Text(1000) + picture.SVG("x") + picture.DOT("x")})
		slog.New(slog.NewJSONHandler(&log, nil)).With("a", v).WithGroup("g").Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).With("a", v).WithGroup("g").Info("x", "v", v)
		all = append(all, printed{"slog", log.String()})
		for how, encode := range map[string]func() ([]byte, error){
			"json":        func() ([]byte, error) { return json.Marshal(v) },
			"json indent": func() ([]byte, error) { return json.MarshalIndent(v, "", " ") },
			"xml":         func() ([]byte, error) { return xml.Marshal(v) },
			"gob": func() ([]byte, error) {
				b := bytes.Buffer{}
				err := gob.NewEncoder(&b).Encode(v)
				return b.Bytes(), err
			},
			"gob pointer": func() ([]byte, error) {
				b := bytes.Buffer{}
				err := gob.NewEncoder(&b).Encode(&v)
				return b.Bytes(), err
			},
		} {
			encoded, err := encode()
			all = append(all, printed{how, string(encoded)}, printed{how + " error", fmt.Sprint(err)})
		}
		if err, ok := v.(error); ok {
			all = append(all, printed{"Error", err.Error()})
		}
	}
	if m, ok := v.(interface{ MarshalBinary() ([]byte, error) }); ok {
		b, err := m.MarshalBinary()
		all = append(all, printed{"MarshalBinary", string(b)}, printed{"MarshalBinary error", fmt.Sprint(err)})
	}
	if m, ok := v.(interface{ MarshalText() ([]byte, error) }); ok {
		b, err := m.MarshalText()
		all = append(all, printed{"MarshalText", string(b)}, printed{"MarshalText error", fmt.Sprint(err)})
	}
	return all
}

// clean fails the test if any of the values can be printed so that one of the
// secrets is seen.
func clean(t *testing.T, values map[string]any, secrets ...secret) {
	t.Helper()
	var forms []string
	for _, s := range secrets {
		forms = append(forms, s.forms()...)
	}
	for i, form := range forms {
		forms[i] = strings.ToLower(form)
	}
	for name, v := range values {
		for _, p := range everyWay(v) {
			text := strings.ToLower(p.text)
			for _, form := range forms {
				if strings.Contains(text, form) {
					t.Errorf("%s by %s shows a secret: %.300q", name, p.how, p.text)
				}
			}
		}
	}
}

// secretOf returns the text of a token and the secret in it.
func secretsOf(t *testing.T, tokens ...seatmap.Token) (all []secret) {
	t.Helper()
	for _, token := range tokens {
		text := token.Reveal()
		raw, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Greater(t, len(raw), 36)
		all = append(all, secret(text), secret(raw[20:36]))
	}
	return all
}

// TestTheFormsOfASecretAreSeen shows that the walk can fail.
func TestTheFormsOfASecretAreSeen(t *testing.T) {
	s := secret("0123456789abcdef")
	for _, v := range []any{string(s), []byte(s), hex.EncodeToString(s), struct{ B []byte }{s}, base64.StdEncoding.EncodeToString(append([]byte("xy"), s...))} {
		seen := false
		for _, p := range everyWay(v) {
			for _, form := range s.forms() {
				seen = seen || strings.Contains(strings.ToLower(p.text), strings.ToLower(form))
			}
		}
		assert.True(t, seen, "%T", v)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	own, tokens, key := seats(t)
	secrets := append(secretsOf(t, tokens...), secret(keyText))
	hold := own["seatmap.Hold"].(seatmap.Hold)
	request := own["seatmap.BlockRequest"].(seatmap.BlockRequest)

	clean(t, own, secrets...)
	for _, holders := range []map[string]any{
		containers(t, hold.Token), containers(t, key), containers(t, hold), containers(t, request), containers(t, &request),
		comparables(hold.Token), comparables(key),
	} {
		clean(t, holders, secrets...)
	}

	covered := map[string]bool{}
	for _, values := range []map[string]any{own, containers(t, hold.Token), comparables(key)} {
		for name, v := range values {
			covered[name] = true
			base, _, _ := strings.Cut(strings.TrimLeft(fmt.Sprintf("%T", v), "*"), "[")
			assert.Equal(t, name, base, "the value of the table")
		}
	}
	exported := exportedTypes(t)
	for _, name := range exported {
		reason, exempt := harmless[name]
		switch {
		case covered[name] && exempt:
			t.Errorf("%s has a value and is called harmless", name)
		case !covered[name] && !exempt:
			t.Errorf("%s needs a value in own, containers or comparables, or a reason in harmless", name)
		case exempt:
			assert.NotEmpty(t, reason, name)
		}
	}
	for name := range maps.Keys(harmless) {
		assert.Contains(t, exported, name, "there is no such type")
	}
}

// exportedTypes returns the exported types of all public packages of the module,
// but for interfaces and functions, which have no form of their own.
func exportedTypes(t *testing.T) (names []string) {
	t.Helper()
	const root = "../../.."
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			nested, _ := filepath.Glob(filepath.Join(path, "go.mod"))
			if path != root && (len(nested) > 0 || slices.Contains([]string{"internal", "testdata", "docs"}, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				spec := spec.(*ast.TypeSpec)
				switch spec.Type.(type) {
				case *ast.InterfaceType, *ast.FuncType:
					continue
				}
				if spec.Name.IsExported() {
					names = append(names, file.Name.Name+"."+spec.Name.Name)
				}
			}
		}
		return nil
	}))
	require.Greater(t, len(names), 100, "there are more")
	return names
}

// seats returns a value of each type of seatmap that has to do with secrets, as
// its methods fill them, with the tokens in it.
func seats(t *testing.T) (values map[string]any, tokens []seatmap.Token, key seatmap.Key) {
	t.Helper()
	ctx, ttl := t.Context(), time.Hour
	key = seatmap.NewKey(keyText)
	m := seatmap.NewMap(seatmap.MapOptions{Manual: true})
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	_, err := m.Create(ctx, seatmap.CreateRequest{Event: event, Layout: seatmap.Layout{Count: 20}})
	require.NoError(t, err)
	request := seatmap.BlockRequest{Event: event, User: "ann", Key: key, Seats: []string{"1", "2"}, TTL: ttl}
	hold, err := m.Block(ctx, request)
	require.NoError(t, err)
	_, err = m.BlockAny(ctx, seatmap.BlockAnyRequest{Event: event, User: "ann", Key: key, N: 1, TTL: ttl})
	var keyError *seatmap.KeyError
	require.ErrorAs(t, err, &keyError)
	_, err = m.Block(ctx, seatmap.BlockRequest{Event: event, User: "bob", Key: key, Seats: []string{"1"}, TTL: ttl, ListTaken: true})
	var taken *seatmap.TakenError
	require.ErrorAs(t, err, &taken)
	bookRequest := seatmap.BookRequest{Token: hold.Token, User: "ann", Key: seatmap.NewKey(keyText + "2"), Seats: []string{"2"}}
	booking, err := m.Book(ctx, bookRequest)
	require.NoError(t, err)

	var change seatmap.Change
	for c, err := range m.Watch(ctx, seatmap.WatchRequest{Event: event}) {
		require.NoError(t, err)
		change = c
		break
	}
	snapshot, err := m.Seats(ctx, seatmap.SeatsRequest{Event: event})
	require.NoError(t, err)
	holds, err := m.Holds(ctx, seatmap.HoldsRequest{Event: event, User: "ann"})
	require.NoError(t, err)
	grants, err := m.Grants(ctx, seatmap.GrantsRequest{Event: event})
	require.NoError(t, err)
	events, err := m.Events(ctx, seatmap.EventsRequest{})
	require.NoError(t, err)
	clock := seatmap.NewClock()
	plan, err := seatmap.NewPlan(seatmap.PlanOptions{Name: event, Seats: 9, Clock: clock})
	require.NoError(t, err)
	planHold, err := plan.Block(1, ttl, 1, 2, 3)
	require.NoError(t, err)
	require.NoError(t, plan.Release(planHold, 1))
	planBooking, err := plan.Book(planHold, 2)
	require.NoError(t, err)
	status, err := plan.Seat(2)
	require.NoError(t, err)
	return map[string]any{
		"seatmap.Token": hold.Token, "seatmap.Key": key, "seatmap.Hold": hold, "seatmap.Booking": booking,
		"seatmap.BlockRequest":      request,
		"seatmap.BlockAnyRequest":   seatmap.BlockAnyRequest{Event: event, User: "ann", Key: key, N: 1, TTL: ttl},
		"seatmap.BookRequest":       bookRequest,
		"seatmap.CreateRequest":     seatmap.CreateRequest{Event: event, Key: key, Layout: seatmap.Layout{Count: 20}},
		"seatmap.RemoveRequest":     seatmap.RemoveRequest{Event: event, Key: key},
		"seatmap.ReleaseRequest":    seatmap.ReleaseRequest{Token: hold.Token, User: "ann", Key: key},
		"seatmap.ExtendRequest":     seatmap.ExtendRequest{Token: hold.Token, User: "ann", Key: key, TTL: ttl},
		"seatmap.CancelRequest":     seatmap.CancelRequest{Token: booking.Token, User: "ann", Key: key},
		"seatmap.RevokeRequest":     seatmap.RevokeRequest{Event: event, Seat: "1", Actor: "op", Key: key},
		"seatmap.CloseSeatsRequest": seatmap.CloseSeatsRequest{Event: event, Seats: []string{"1"}, Actor: "op", Key: key},
		"seatmap.OpenSeatsRequest":  seatmap.OpenSeatsRequest{Event: event, Seats: []string{"1"}, Actor: "op", Key: key},
		"seatmap.SetQuotaRequest":   seatmap.SetQuotaRequest{Event: event, Seats: []string{"1"}, Quota: "club", Actor: "op", Key: key},
		"seatmap.ReissueRequest":    seatmap.ReissueRequest{Event: event, Seat: "1", Actor: "op", Key: key},
		"seatmap.MoveRequest":       seatmap.MoveRequest{Event: event, Seat: "1", Actor: "op", Key: key},
		"seatmap.ReserveRequest":    seatmap.ReserveRequest{Event: event, User: "house", Actor: "op", Key: key},
		"seatmap.AddSeatsRequest":   seatmap.AddSeatsRequest{Event: event, Layout: seatmap.Layout{Count: 1}, Actor: "op", Key: key},
		"seatmap.ReserveAnyRequest": seatmap.ReserveAnyRequest{Event: event, User: "house", Actor: "op", Key: key, N: 1},
		"seatmap.PaymentRequest":    seatmap.PaymentRequest{Token: hold.Token, User: "ann", Key: key, TTL: ttl},
		"seatmap.EndPaymentRequest": seatmap.EndPaymentRequest{Token: hold.Token, User: "ann", Key: key},
		"seatmap.KeyError":          keyError, "seatmap.TakenError": taken,
		"seatmap.Map": m, "seatmap.Plan": plan, "seatmap.Clock": clock, "seatmap.PlanSeat": status,
		"seatmap.PlanOptions": seatmap.PlanOptions{Name: event, Clock: clock},
		"seatmap.Change":      change, "seatmap.Snapshot": snapshot, "seatmap.SeatInfo": snapshot.Seats[0],
		"seatmap.HoldInfo": holds[0], "seatmap.Cursor": snapshot.Cursor,
		"seatmap.GrantList": grants, "seatmap.GrantInfo": grants.Grants[0], "seatmap.EventList": events,
	}, []seatmap.Token{hold.Token, booking.Token, planHold, planBooking}, key
}
