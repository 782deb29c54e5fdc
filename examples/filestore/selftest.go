package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/coderrange/ferrous/task"
)

// selfTest lets a few clients at once put, get, list and delete files of their
// own and a shared one, and says what they have done.
func selfTest(ctx context.Context, base string, out io.Writer) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &Client{Base: base, HTTP: &http.Client{Transport: transport}}
	const clients, files = 8, 25
	var all []func(context.Context) error
	for i := range clients {
		all = append(all, func(ctx context.Context) error { return exercise(ctx, c, i, files) })
	}
	if err := errors.Join(task.SettleErr(ctx, all...)...); err != nil {
		return err
	}
	list, err := c.List(ctx)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].Name != "shared" {
		return fmt.Errorf("left over: %v", list)
	}
	_, err = fmt.Fprintf(out, "%d clients put, read, listed and deleted %d files; 1 is left\n", clients, clients*files)
	return err
}

// exercise is what client i does.
func exercise(ctx context.Context, c *Client, i, files int) error {
	for n := range files {
		name := fmt.Sprintf("client %d, file %d", i, n)
		data := bytes.Repeat([]byte{byte(i)}, 100+n)
		if err := c.Put(ctx, name, data); err != nil {
			return err
		}
		if err := c.Put(ctx, "shared", data); err != nil {
			return err
		}
		got, err := c.Get(ctx, name)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, data) {
			return fmt.Errorf("%s: %d bytes came back, %d were sent", name, len(got), len(data))
		}
		shared, err := c.Get(ctx, "shared")
		if err != nil {
			return err
		}
		if len(bytes.Trim(shared, string(shared[:1]))) != 0 {
			return fmt.Errorf("the shared file is of two clients")
		}
		if _, err := c.List(ctx); err != nil {
			return err
		}
		if err := c.Delete(ctx, name); err != nil {
			return err
		}
		var refused *StatusError
		if _, err := c.Get(ctx, name); !errors.As(err, &refused) || refused.Code != http.StatusNotFound {
			return fmt.Errorf("%s was deleted, but: %w", name, err)
		}
	}
	return nil
}
