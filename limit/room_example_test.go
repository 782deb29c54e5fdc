package limit_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/coderrange/ferrous/limit"
)

// room is a waiting room. It lets visitors in at a rate, in the order in which they came,
// and keeps nothing about those who wait: a ticket is the time of the visitor's turn,
// signed together with the visitor's name. So every process that has the key can check
// it.
type room struct {
	rate *limit.Rate
	key  []byte
	open time.Duration // how long a ticket is valid when its turn has come
}

var errTicket = errors.New("room: not a valid ticket")

// ticket gives the visitor the next turn.
func (r *room) ticket(visitor string) (string, error) {
	turn, err := r.rate.Reserve(1)
	if err != nil {
		return "", err
	}
	at := binary.BigEndian.AppendUint64(nil, uint64(turn.At().UnixNano()))
	return hex.EncodeToString(append(at, r.sign(visitor, at)...)), nil
}

// wait returns how long it is to the visitor's turn, which is what Retry-After should say,
// or 0 if the turn has come.
func (r *room) wait(visitor, ticket string, now time.Time) (time.Duration, error) {
	b, err := hex.DecodeString(ticket)
	if err != nil || len(b) != 8+sha256.Size || !hmac.Equal(b[8:], r.sign(visitor, b[:8])) {
		return 0, errTicket
	}
	wait := time.Unix(0, int64(binary.BigEndian.Uint64(b))).Sub(now)
	if wait < -r.open {
		return 0, errTicket // the visitor came too late
	}
	return max(wait, 0), nil
}

func (r *room) sign(visitor string, at []byte) []byte {
	mac := hmac.New(sha256.New, r.key)
	mac.Write(at)
	mac.Write([]byte(visitor))
	return mac.Sum(nil)
}

// A waiting room keeps a rush away from a store that would be overloaded. Here it admits
// two visitors at once and then one an hour.
func ExampleRate_Reserve_waitingRoom() {
	r := room{limit.NewRate(limit.RateOptions{Events: 1, Per: time.Hour, Burst: 2}), []byte(rand.Text()), time.Hour}
	now := time.Now()
	var last string
	for _, visitor := range []string{"ann", "bob", "cat", "dan"} {
		ticket, err := r.ticket(visitor)
		if err != nil {
			fmt.Println(err)
		}
		wait, err := r.wait(visitor, ticket, now)
		fmt.Println(visitor, wait.Round(time.Hour), err)
		last = ticket
	}
	_, err := r.wait("eve", last, now)
	fmt.Println("eve with dan's ticket:", err)
	wait, err := r.wait("dan", last, now.Add(2*time.Hour+30*time.Minute))
	fmt.Println("dan in time:", wait, err)
	_, err = r.wait("dan", last, now.Add(4*time.Hour))
	fmt.Println("dan too late:", err)
	// Output:
	// ann 0s <nil>
	// bob 0s <nil>
	// cat 1h0m0s <nil>
	// dan 2h0m0s <nil>
	// eve with dan's ticket: room: not a valid ticket
	// dan in time: 0s <nil>
	// dan too late: room: not a valid ticket
}
