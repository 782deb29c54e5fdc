package option_test

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/coderrange/ferrous/option"
)

func Example() {
	ages := map[string]int{"Ada": 36}
	find := func(name string) option.Option[int] {
		age, ok := ages[name]
		return option.From(age, ok)
	}
	fmt.Println(find("Ada"), find("Bob"))
	fmt.Println(find("Bob").UnwrapOr(18))
	fmt.Println(option.Map(find("Ada"), func(age int) string { return fmt.Sprint("turns ", age+1) }).Unwrap())
	if age, ok := find("Ada").Get(); ok {
		fmt.Println("comma ok:", age)
	}
	// Output:
	// Some(36) None
	// 18
	// turns 37
	// comma ok: 36
}

func ExampleFrom() {
	environment := map[string]string{"HOST": "example.com"}
	host, ok := environment["HOST"]
	fmt.Println(option.From(host, ok).UnwrapOr("localhost"))
	port, ok := environment["PORT"]
	fmt.Println(option.From(port, ok).UnwrapOr("8080"))
	// Output:
	// example.com
	// 8080
}

func ExampleOption_Unwrap() {
	defer func() { fmt.Println(recover()) }()
	option.None[int]().Unwrap()
	// Output: called `Option::unwrap()` on a `None` value
}

func ExampleOption_GetOrInsertWith() {
	var cache option.Option[[]string]
	list := cache.GetOrInsertWith(func() []string { return []string{"a"} })
	*list = append(*list, "b")
	fmt.Println(cache)
	// Output: Some([a b])
}

func ExampleOption_MarshalJSON() {
	type user struct {
		Name string             `json:"name"`
		Age  option.Option[int] `json:"age,omitzero"`
	}
	enc := json.NewEncoder(os.Stdout)
	for _, u := range []user{{"Ada", option.Some(36)}, {"New", option.Some(0)}, {Name: "Bob"}} {
		if err := enc.Encode(u); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// {"name":"Ada","age":36}
	// {"name":"New","age":0}
	// {"name":"Bob"}
}

func ExampleNullable() {
	type patch struct {
		Email option.Nullable[string] `json:"email,omitzero"`
	}
	email := option.Some("a@example.com")
	for _, body := range []string{`{}`, `{"email":"b@example.com"}`, `{"email":null}`} {
		var p patch
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			fmt.Println(err)
		}
		p.Email.Patch(&email)
		fmt.Println(p.Email, email)
	}
	// Output:
	// Absent Some(a@example.com)
	// NotNull(b@example.com) Some(b@example.com)
	// Null None
}
