package result_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/coderrange/ferrous/result"
)

var errDivision = errors.New("division by zero")

func divide(a, b int) (int, error) {
	if b == 0 {
		return 0, errDivision
	}
	return a / b, nil
}

func Example() {
	port := result.From(strconv.Atoi("x80")).UnwrapOr(8080)
	fmt.Println(port)
	fmt.Println(result.From(divide(10, 2)), result.From(divide(10, 0)))
	half := result.Map(result.From(divide(10, 2)), func(n int) string { return fmt.Sprint("half is ", n) })
	fmt.Println(half.Unwrap())
	// Output:
	// 8080
	// Ok(5) Err(division by zero)
	// half is 5
}

// compute leaves early at the first error, as Rust's ? does.
func compute(a, b, c int) (n int, err error) {
	defer result.Handle(&err)
	ab := result.Check(divide(a, b))
	return result.Check(divide(ab, c)), nil
}

func ExampleCheck() {
	fmt.Println(compute(100, 5, 2))
	fmt.Println(compute(100, 0, 2))
	// Output:
	// 10 <nil>
	// 0 division by zero
}

// sum returns the error of the first Check that fails.
func sum(a, b string) (n int, err error) {
	defer result.Handle(&err)
	return result.Check(strconv.Atoi(a)) + result.Check(strconv.Atoi(b)), nil
}

func ExampleHandle() {
	fmt.Println(sum("1", "2"))
	_, err := sum("1", "x")
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// strconv.Atoi: parsing "x": invalid syntax
}

func ExampleResult_Expect() {
	defer func() { fmt.Println(recover()) }()
	result.From(divide(1, 0)).Expect("cannot share")
	// Output: cannot share: division by zero
}

func ExampleCollect() {
	parse := func(texts ...string) result.Result[[]int] {
		return result.Collect(func(yield func(result.Result[int]) bool) {
			for text := range slices.Values(texts) {
				if !yield(result.From(strconv.Atoi(text))) {
					return
				}
			}
		})
	}
	fmt.Println(parse("1", "2"))
	fmt.Println(parse("1", "x", "y"))
	// Output:
	// Ok([1 2])
	// Err(strconv.Atoi: parsing "x": invalid syntax)
}
