package option_test

import (
	"testing"
	"time"

	goccy "github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/coderrange/ferrous/option"
)

type config struct {
	Name    option.Option[string]                  `yaml:"name"`
	Port    option.Option[int]                     `yaml:"port,omitempty"`
	Timeout option.Option[time.Duration]           `yaml:"timeout,omitempty"`
	TLS     option.Option[tls]                     `yaml:"tls,omitempty"`
	Tags    option.Option[[]option.Option[string]] `yaml:"tags,omitempty"`
	Limits  map[string]option.Option[float64]      `yaml:"limits,omitempty"`
	Peer    *option.Option[int]                    `yaml:"peer,omitempty"`
}

type tls struct {
	Cert option.Option[string] `yaml:"cert,omitempty"`
	Port option.Option[int]    `yaml:"port,omitempty"`
}

func TestYAMLRoundTrip(t *testing.T) {
	peer := option.Some(9)
	for name, c := range map[string]struct {
		value config
		text  string
	}{
		"None is null or left out":     {config{}, "name: null\n"},
		"Some(0) is kept by omitempty": {config{Name: option.Some(""), Port: option.Some(0)}, "name: \"\"\nport: 0\n"},
		"nested": {
			config{
				Name: option.Some("null"), Timeout: option.Some(time.Minute), TLS: option.Some(tls{Port: option.Some(0)}),
				Tags:   option.Some([]option.Option[string]{option.Some("a"), option.Some("")}),
				Limits: map[string]option.Option[float64]{"x": option.Some(0.5)}, Peer: &peer,
			},
			"name: \"null\"\ntimeout: 1m0s\ntls:\n    port: 0\ntags:\n    - a\n    - \"\"\nlimits:\n    x: 0.5\npeer: 9\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := yaml.Marshal(c.value)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(text))
			var back config
			require.NoError(t, yaml.Unmarshal(text, &back))
			assert.Equal(t, c.value, back)

			text, err = goccy.Marshal(c.value)
			require.NoError(t, err)
			back = config{}
			require.NoError(t, goccy.Unmarshal(text, &back))
			assert.Equal(t, c.value, back)
		})
	}
}

func TestBadYAMLNamesTheLineAndChangesNothing(t *testing.T) {
	before := config{Port: option.Some(1), TLS: option.Some(tls{Port: option.Some(2)})}
	for _, text := range []string{"port: x", "tls:\n  port: x", "port: [1]"} {
		after := before
		require.ErrorContains(t, yaml.Unmarshal([]byte(text), &after), "line ")
		assert.Equal(t, before, after)
	}
}

// TestYAMLNull pins what the libraries do with null, so that the doc comment of
// UnmarshalYAML stays true.
func TestYAMLNull(t *testing.T) {
	c := config{Port: option.Some(1)}
	require.NoError(t, yaml.Unmarshal([]byte("port: null"), &c))
	assert.Equal(t, option.Some(1), c.Port)
	require.NoError(t, goccy.Unmarshal([]byte("port: null"), &c))
	assert.Equal(t, option.Some(1), c.Port)

	const text = "tags: [a, null, b]"
	kept := []option.Option[string]{option.Some("a"), option.None[string](), option.Some("b")}
	require.NoError(t, goccy.Unmarshal([]byte(text), &c))
	assert.Equal(t, option.Some(kept), c.Tags)
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	assert.Equal(t, option.Some([]option.Option[string]{kept[0], kept[2]}), c.Tags)
}
