package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// A Client talks to a file store.
type Client struct {
	Base string // as in http://127.0.0.1:8080
	HTTP *http.Client
}

// A StatusError is an answer that says no.
type StatusError struct {
	Code int
	Text string
}

func (e *StatusError) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Text) }

// Put keeps data under a name.
func (c *Client) Put(ctx context.Context, name string, data []byte) error {
	_, err := c.do(ctx, http.MethodPut, "/files/"+url.PathEscape(name), data)
	return err
}

// Get returns a file.
func (c *Client) Get(ctx context.Context, name string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, "/files/"+url.PathEscape(name), nil)
}

// Delete forgets a file.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := c.do(ctx, http.MethodDelete, "/files/"+url.PathEscape(name), nil)
	return err
}

// List returns all files.
func (c *Client) List(ctx context.Context) (list []Entry, err error) {
	body, err := c.do(ctx, http.MethodGet, "/files", nil)
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal(body, &list)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = &StatusError{res.StatusCode, string(bytes.TrimSpace(answer))}
	}
	return answer, err
}
