package limithttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/coderrange/ferrous/limit"
	"github.com/coderrange/ferrous/limit/limithttp"
)

func Example() {
	perClient := limit.NewKeyed[string](limit.KeyedOptions{
		Rate: limit.RateOptions{Events: 2, Per: time.Hour},
	})
	defer perClient.Close()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	server := httptest.NewServer(limithttp.Handler(hello, limithttp.HandlerOptions{
		Keyed:       perClient,
		Key:         limithttp.RemoteAddr,
		Concurrency: limit.NewConcurrency(limit.ConcurrencyOptions{Limit: 100, Queue: 200}),
	}))
	defer server.Close()

	client := server.Client()
	client.Transport = limithttp.NewTransport(limithttp.TransportOptions{Base: client.Transport})
	for range 3 {
		response, err := client.Get(server.URL)
		if err != nil {
			fmt.Println("not sent")
			continue
		}
		fmt.Println(response.StatusCode, response.Header.Get("RateLimit-Policy"))
		_ = response.Body.Close()
	}
	// Output:
	// 200 "client";q=2;w=3600
	// 200 "client";q=2;w=3600
	// not sent
}

func ExampleForwardedFor() {
	key := limithttp.ForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "10.0.0.7:41234" // our load balancer
	r.Header.Set("X-Forwarded-For", "1.1.1.1, 192.0.2.1")
	fmt.Println(key(r))
	// Output: 192.0.2.1
}

func ExampleNewTransport() {
	client := http.Client{Transport: limithttp.NewTransport(limithttp.TransportOptions{
		MaxWait: 30 * time.Second, // for a server that has said Retry-After or RateLimit
	})}
	fmt.Println(client.Transport)
	// Output: Transport(0 servers)
}
