package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/coderrange/ferrous/internal/testkit"
)

// An alert is a rule of prometheus/alerts.yaml.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile("prometheus/alerts.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string  `json:"name"`
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &file))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

// promtool runs promtool, which must succeed.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := testkit.Command(t, testkit.Program(t, "promtool"), args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestPrometheusTakesTheRules(t *testing.T) {
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", "prometheus/alerts.yaml")
}

// Each alert fires in a test of promtool and does not fire in another.
func TestEachAlertFiresWhenItShouldAndNotBefore(t *testing.T) {
	promtool(t, "test", "rules", "prometheus/alerts_test.yaml")
	text, err := os.ReadFile("prometheus/alerts_test.yaml")
	require.NoError(t, err)
	var file struct {
		Tests []struct {
			Checks []struct {
				Alert string `json:"alertname"`
				Exp   []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Checks {
			if len(c.Exp) > 0 {
				fires[c.Alert] = true
			} else {
				rests[c.Alert] = true
			}
		}
	}
	for _, a := range alerts(t) {
		assert.True(t, fires[a.Alert], "no test in which %s fires", a.Alert)
		assert.True(t, rests[a.Alert], "no test in which %s does not fire", a.Alert)
		delete(fires, a.Alert)
		delete(rests, a.Alert)
	}
	assert.Empty(t, fires, "tests of no alert")
	assert.Empty(t, rests, "tests of no alert")
}

// page is where the runbooks are.
const page = "https://github.com/coderrange/ferrous/blob/main/docs/operations.md#"

var section = regexp.MustCompile(`(?m)^### (Redbus\S+)\n\n((?:.+\n|\n[^#\n].*\n)+)`)

// Each alert has a section of its name on the page of operations, to which it points, and
// no section is of an alert that is not there.
func TestEachAlertHasARunbook(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	sections := map[string]string{}
	for _, s := range section.FindAllStringSubmatch(string(text), -1) {
		assert.Empty(t, sections[s[1]], "%s is there twice", s[1])
		sections[s[1]] = s[2]
	}
	for _, a := range alerts(t) {
		assert.Greater(t, len(sections[a.Alert]), 100, "docs/operations.md says nothing of %s", a.Alert)
		delete(sections, a.Alert)
		assert.Equal(t, page+strings.ToLower(a.Alert), a.Annotations["runbook_url"], a.Alert)
		assert.NotEmpty(t, a.Annotations["summary"], a.Alert)
		assert.Contains(t, []string{"page", "ticket"}, a.Labels["severity"], a.Alert)
	}
	assert.Empty(t, sections, "sections of no alert")
}

// A panel is a panel of grafana/redbus.json.
type panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Source      source         `json:"datasource"`
	Grid        grid           `json:"gridPos"`
	Fields      map[string]any `json:"fieldConfig"`
	Options     map[string]any `json:"options"`
	Collapsed   bool           `json:"collapsed"`
	Panels      []any          `json:"panels"`
	Targets     []struct {
		RefID  string `json:"refId"`
		Source source `json:"datasource"`
		Expr   string `json:"expr"`
		Legend string `json:"legendFormat"`
	} `json:"targets"`
}

type source struct{ Type, UID string }

type grid struct{ H, W, X, Y int }

// panels returns those of the dashboard that show something.
func panels(t *testing.T) (all []panel) {
	t.Helper()
	text, err := os.ReadFile("grafana/redbus.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []json.RawMessage `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, text := range dashboard.Panels {
		var p panel
		strict := json.NewDecoder(strings.NewReader(string(text)))
		strict.DisallowUnknownFields()
		require.NoError(t, strict.Decode(&p), "%s", text)
		assert.False(t, ids[p.ID], "%s: the id %d is there twice", p.Title, p.ID)
		ids[p.ID] = true
		for x := range p.Grid.W {
			for y := range p.Grid.H {
				at := [2]int{p.Grid.X + x, p.Grid.Y + y}
				assert.Less(t, at[0], 24, p.Title)
				assert.Empty(t, taken[at], "%s covers another panel", p.Title)
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			assert.Equal(t, source{"prometheus", "${datasource}"}, target.Source, p.Title)
			assert.Contains(t, target.Expr, `instance=~"$instance"`, p.Title)
		}
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

var metric = regexp.MustCompile(`\b(?:redbus|ferrous|go|process)_[a-z_]+`)

// What is registered is seen: each metric of the service is in a panel or an alert.
func TestEachMetricOfTheServiceIsShown(t *testing.T) {
	text, err := os.ReadFile("../docs/metrics.md")
	require.NoError(t, err)
	shown := map[string]bool{}
	note := func(expr string) {
		for _, name := range metric.FindAllString(expr, -1) {
			shown[strings.TrimSuffix(name, "_bucket")] = true
		}
	}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			note(target.Expr)
		}
	}
	for _, a := range alerts(t) {
		note(a.Expr)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(redbus_[a-z_]+)` ").FindAllStringSubmatch(string(text), -1) {
		assert.True(t, shown[m[1]], "%s is in no panel and no alert", m[1])
	}
}

// config returns the configuration for Prometheus with one target in place of the pods,
// which has the labels that the discovery of Kubernetes gives a pod of the manifest: that
// discovery is not in Debian's Prometheus. Each scrape and each evaluation comes soon.
func config(t *testing.T, dir, address string) (file string) {
	t.Helper()
	text, err := os.ReadFile("prometheus/prometheus.yaml")
	require.NoError(t, err)
	d, c := deployment(t)
	target := map[string]any{"targets": []string{address}}
	labels := map[string]string{
		"__meta_kubernetes_namespace": "default", "__meta_kubernetes_pod_name": "redbus-0",
		"__meta_kubernetes_pod_container_port_name": c.Ports[1].Name,
	}
	meta := func(kind string, of map[string]string) {
		for name, v := range of {
			labels["__meta_kubernetes_pod_"+kind+"_"+regexp.MustCompile(`\W`).ReplaceAllString(name, "_")] = v
		}
	}
	meta("label", d.Spec.Template.Labels)
	meta("annotation", d.Spec.Template.Annotations)
	target["labels"] = labels
	static, err := json.Marshal([]any{target})
	require.NoError(t, err)
	rules := filepath.Join(dir, "alerts.yaml")
	made := string(text)
	for was, is := range map[string]string{
		"kubernetes_sd_configs:\n      - role: pod\n": fmt.Sprintf("static_configs: %s\n", static),
		"scrape_interval: 15s":                        "scrape_interval: 200ms",
		"evaluation_interval: 15s":                    "evaluation_interval: 200ms",
		"- alerts.yaml":                               "- " + rules,
	} {
		require.Equal(t, 1, strings.Count(made, was), was)
		made = strings.Replace(made, was, is, 1)
	}
	text, err = os.ReadFile("prometheus/alerts.yaml")
	require.NoError(t, err)
	// A test does not wait for minutes. That they wait is what promtool tests.
	text = regexp.MustCompile(`(?m)^ +for: .*\n`).ReplaceAll(text, nil)
	require.NoError(t, os.WriteFile(rules, text, 0o600))
	file = filepath.Join(dir, "prometheus.yaml")
	require.NoError(t, os.WriteFile(file, []byte(made), 0o600))
	return file
}

func TestPrometheusTakesTheConfiguration(t *testing.T) {
	promtool(t, "check", "config", config(t, t.TempDir(), "127.0.0.1:9090"))
}
