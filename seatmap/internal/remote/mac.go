package remote

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// MAC makes HMACs with the secret of a store. It is safe for concurrent use.
type MAC struct {
	secret []byte
	made   sync.Pool // of hash.Hash: to make one takes longer than to use it
}

// NewMAC returns a MAC with that secret.
func NewMAC(secret []byte) *MAC { return &MAC{secret: secret} }

// Sum returns the HMAC of a text, 32 bytes.
func (m *MAC) Sum(text []byte) []byte {
	h, ok := m.made.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, m.secret)
	}
	defer m.made.Put(h)
	h.Reset()
	_, _ = h.Write(text)
	return h.Sum(nil)
}
