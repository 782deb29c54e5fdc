package arcmutex_test

import (
	"errors"
	"fmt"

	"github.com/coderrange/ferrous/arcmutex"
)

func ExampleOnce() {
	var setup arcmutex.Once
	for range 3 {
		setup.Do(func() { fmt.Println("set up") })
	}
	fmt.Println(&setup)
	// Output:
	// set up
	// Once(done)
}

func ExampleOnceLock() {
	var conn arcmutex.OnceLock[string]
	_, err := conn.GetOrTryInit(func() (string, error) { return "", errors.New("refused") })
	fmt.Println(err)
	// The value is still not set, so the next call tries again.
	fmt.Println(conn.GetOrTryInit(func() (string, error) { return "connected", nil }))
	fmt.Println(conn.Get())
	fmt.Println(conn.Set("other"))
	// Output:
	// refused
	// connected <nil>
	// connected true
	// false
}
