package seatmap

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A field that is added to one of these types is part of an event. Whoever adds it
// decides whether Export has to write it and Import to read it, and then adds it here.
var fieldsOfEvents = []struct {
	of     reflect.Type
	fields string
}{
	{reflect.TypeFor[event](), "plan limits created users keys log op from refs payments granted reference journal sweeper sweepAt turn"},
	{reflect.TypeFor[Plan](), "words shift count clock name names added availableAt taken shared notForSale off _ earliest mu chunks records newer areas pages " +
		"totals fence revision headOf closed quotas tags seatBuf restBuf snapshots end endAt moving event"},
	{reflect.TypeFor[record](), "fence tag user at head next after before slot first"},
	{reflect.TypeFor[payment](), "own began until"},
	{reflect.TypeFor[labels](), "list index count first floor areas areaIndex live"},
	{reflect.TypeFor[floor](), "rows ranked ranges numbers category"},
	{reflect.TypeFor[floorRow](), "Row from to runs"},
	{reflect.TypeFor[Layout](), "Count Seats Rows Areas Categories Closed"},
	{reflect.TypeFor[Row](), "Section Name Category Seats Aisles Table Ranks"},
	{reflect.TypeFor[Category](), "Name First Last"},
	{reflect.TypeFor[Area](), "Name Section Category Capacity"},
	{reflect.TypeFor[area](), "word full totals earliest pages unused"},
	{reflect.TypeFor[blockPage](), "area earliest blocks"},
	{reflect.TypeFor[block](), "record word n"},
	{reflect.TypeFor[Where](), "Prefix Section Category Rows Adjacent Singles Quotas"},
	{reflect.TypeFor[tags](), "key lasting former block stream made left"},
	{reflect.TypeFor[Limits](), "Seats Holds Lifetime Payment"},
	{reflect.TypeFor[eventResult](), "eventKey remove layout limits until"},
	{reflect.TypeFor[users](), "list byName unused idle"},
	{reflect.TypeFor[userEntry](), "name seats holds bookings"},
	{reflect.TypeFor[keys](), "most ofSize seed slots unused byHash filter front back queued next exports"},
	{reflect.TypeFor[result](), "keyedRequest hold nextSameHash nextQueued until"},
	{reflect.TypeFor[keyedRequest](), "user key hash fingerprint"},
	{reflect.TypeFor[fingerprint](), "method n ttl seats places where token reference"},
	{reflect.TypeFor[Hold](), "Token User Seats Places At Until Left Paying Replayed"},
	{reflect.TypeFor[Token](), "Event Fence seat tag"},
}

func TestEveryFieldOfAnEventIsExportedOrNeedNotBe(t *testing.T) {
	for _, one := range fieldsOfEvents {
		var names []string
		for field := range one.of.Fields() {
			names = append(names, field.Name)
		}
		assert.Equal(t, one.fields, strings.Join(names, " "),
			"%v has changed: see whether export.go and import.go must know it", one.of)
	}
	assert.Len(t, methodNames, int(methodSetQuota)+1)
}

func TestOnlyTheLastKeysOfAnEventAreKept(t *testing.T) {
	var f formerKeys
	key := func(i int) formerKey { return formerKey{tags: tagKey{byte(i)}} }
	assert.Empty(t, f.of("e"))
	assert.Empty(t, f.add("e", nil))
	for i := range 2 * formerMost {
		f.add("e", []formerKey{key(i), key(i - 1)})
	}
	got := f.of("e")
	assert.Len(t, got, formerMost)
	assert.Equal(t, []formerKey{key(2*formerMost - 1), key(2*formerMost - 2)}, got[:2])
	assert.Empty(t, f.of("other"))
}
