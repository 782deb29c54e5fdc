package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coderrange/ferrous/examples/internal/program"
)

// probe is the command that asks a service whether it is ready, for images without curl.
func probe(ctx context.Context, args []string, out io.Writer) error {
	var url string
	var timeout time.Duration
	f := program.NewFlags("redbus probe", "redbus probe [flags]")
	f.StringVar(&url, "url", "http://127.0.0.1:8080/readyz", "what is asked")
	f.Duration(&timeout, "timeout", 2*time.Second, maxHold, "how long the answer may take")
	if goOn, err := f.Parse(args, out); err != nil || !goOn {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return program.Usagef("-url: %v", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
