// Package deploy_test holds the manifests and the Dockerfile against the API of Kubernetes,
// against each other, and against the program.
package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// kinds makes an empty object of each kind that the manifests may have.
var kinds = map[string]func() meta.Object{
	"apps/v1 Deployment":                     func() meta.Object { return new(apps.Deployment) },
	"v1 Service":                             func() meta.Object { return new(core.Service) },
	"autoscaling/v2 HorizontalPodAutoscaler": func() meta.Object { return new(autoscaling.HorizontalPodAutoscaler) },
	"policy/v1 PodDisruptionBudget":          func() meta.Object { return new(policy.PodDisruptionBudget) },
	"networking.k8s.io/v1 NetworkPolicy":     func() meta.Object { return new(networking.NetworkPolicy) },
}

// parse decodes a manifest strictly: fields that the API does not have, and those that are
// there twice, are errors.
func parse(text []byte) (all []meta.Object, err error) {
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return nil, err
		}
		name := kind.APIVersion + " " + kind.Kind
		empty := kinds[name]
		if empty == nil {
			return nil, fmt.Errorf("%q is not a kind that the manifests may have", name)
		}
		object := empty()
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		strict, err := json.UnmarshalStrict(text, object) // as the API server does: encoding/json takes names in any case
		if err := errors.Join(append(strict, err)...); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, object)
	}
	return all, nil
}

// manifests returns the objects of a file of the folder kubernetes.
func manifests(t *testing.T, file string) []meta.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("kubernetes", file))
	require.NoError(t, err)
	all, err := parse(text)
	require.NoError(t, err, file)
	return all
}

// one returns the only object of a type.
func one[T meta.Object](t *testing.T, all []meta.Object) T {
	t.Helper()
	var found []T
	for _, object := range all {
		if object, ok := object.(T); ok {
			found = append(found, object)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// deployment returns the only Deployment of the service, and its only container.
func deployment(t *testing.T) (*apps.Deployment, core.Container) {
	t.Helper()
	d := one[*apps.Deployment](t, manifests(t, "redbus.yaml"))
	require.Len(t, d.Spec.Template.Spec.Containers, 1)
	return d, d.Spec.Template.Spec.Containers[0]
}

func TestManifestsAreWhatTheAPITakes(t *testing.T) {
	files, err := filepath.Glob("kubernetes/*")
	require.NoError(t, err)
	require.Equal(t, []string{"kubernetes/postgres.yaml", "kubernetes/redbus.yaml", "kubernetes/redis.yaml"}, files)
	seen := map[string]bool{}
	for _, file := range files {
		for _, object := range manifests(t, filepath.Base(file)) {
			id := fmt.Sprintf("%T %s", object, object.GetName())
			assert.False(t, seen[id], "%s is there twice", id)
			seen[id] = true
			assert.Empty(t, validation.IsDNS1123Label(object.GetName()), id)
			assert.Empty(t, object.GetNamespace(), "%s: kubectl -n says where", id)
			assert.Equal(t, "redbus", object.GetLabels()["app.kubernetes.io/name"], id)
		}
	}
}

func TestAManifestWithAMistakeIsRefused(t *testing.T) {
	text, err := os.ReadFile("kubernetes/redbus.yaml")
	require.NoError(t, err)
	for was, is := range map[string]string{
		"readOnlyRootFilesystem:": "readOnlyRootFileSystem:",
		"kind: Service":           "kind: Servise",
		"apiVersion: policy/v1":   "apiVersion: policy/v1beta1",
		"memory: 1Gi":             "memory: 1GiB",
		"minReplicas: 2":          "minReplicas: two",
		"maxReplicas: 10":         "minReplicas: 10",
		"containerPort: 8080":     "containerPort: [8080]",
	} {
		require.Contains(t, string(text), was)
		_, err := parse([]byte(strings.Replace(string(text), was, is, 1)))
		assert.Error(t, err, is)
	}
}

// selects reports whether the selector selects the pods of the Deployment.
func selects(t *testing.T, s *meta.LabelSelector, d *apps.Deployment) bool {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	return !selector.Empty() && selector.Matches(labels.Set(d.Spec.Template.Labels))
}

func TestSelectorsSelectThePodsOfTheService(t *testing.T) {
	d, _ := deployment(t)
	assert.True(t, selects(t, d.Spec.Selector, d), "Deployment")
	for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
		assert.True(t, selects(t, spread.LabelSelector, d), "topologySpreadConstraints")
	}
	count := 0
	for _, file := range []string{"redbus.yaml", "redis.yaml", "postgres.yaml"} {
		for _, object := range manifests(t, file) {
			var s *meta.LabelSelector
			switch o := object.(type) {
			case *core.Service:
				s = &meta.LabelSelector{MatchLabels: o.Spec.Selector}
			case *policy.PodDisruptionBudget:
				s = o.Spec.Selector
			case *networking.NetworkPolicy:
				s = &o.Spec.PodSelector
			default:
				continue
			}
			count++
			assert.True(t, selects(t, s, d), "%T %s", object, object.GetName())
		}
	}
	assert.Equal(t, 5, count)
}

func TestPodsRunWithoutRights(t *testing.T) {
	d, c := deployment(t)
	pod, own := d.Spec.Template.Spec.SecurityContext, c.SecurityContext
	assert.True(t, *pod.RunAsNonRoot)
	assert.NotZero(t, *pod.RunAsUser)
	assert.NotZero(t, *pod.RunAsGroup)
	assert.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SeccompProfile.Type)
	assert.True(t, *own.ReadOnlyRootFilesystem)
	assert.False(t, *own.AllowPrivilegeEscalation)
	assert.Equal(t, []core.Capability{"ALL"}, own.Capabilities.Drop)
	assert.Empty(t, own.Capabilities.Add)
	assert.Nil(t, own.Privileged)
	assert.False(t, *d.Spec.Template.Spec.AutomountServiceAccountToken)
	for _, v := range d.Spec.Template.Spec.Volumes {
		assert.NotNil(t, v.Secret, "the service writes no file: %s", v.Name)
	}
	assert.Equal(t, fmt.Sprintf("%d:%d", *pod.RunAsUser, *pod.RunAsGroup), dockerfile(t).last("USER"), "as in the Dockerfile")
}

func TestSecretsAreReferences(t *testing.T) {
	d, c := deployment(t)
	for _, e := range c.Env {
		if e.Value != "" {
			assert.Equal(t, "GOMEMLIMIT", e.Name, "a value in the open")
			continue
		}
		require.NotNil(t, e.ValueFrom)
		assert.NotNil(t, e.ValueFrom.SecretKeyRef, e.Name)
		assert.Contains(t, strings.Join(c.Args, " "), "$("+e.Name+")", "nobody reads it")
	}
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		assert.True(t, m.ReadOnly, m.Name)
		mounts[m.Name] = m.MountPath
	}
	for _, v := range d.Spec.Template.Spec.Volumes {
		assert.Contains(t, strings.Join(c.Args, " "), "="+mounts[v.Name]+"/", "nobody reads the volume %s", v.Name)
		assert.Equal(t, int32(0o440), *v.Secret.DefaultMode)
	}
}

func TestTheHeapFitsIntoTheMemory(t *testing.T) {
	_, c := deployment(t)
	limit := c.Resources.Limits.Memory().Value()
	require.Positive(t, limit)
	assert.Equal(t, limit, c.Resources.Requests.Memory().Value(), "memory cannot be taken back")
	i := slices.IndexFunc(c.Env, func(e core.EnvVar) bool { return e.Name == "GOMEMLIMIT" })
	require.GreaterOrEqual(t, i, 0)
	heap, err := resource.ParseQuantity(strings.TrimSuffix(c.Env[i].Value, "B"))
	require.NoError(t, err)
	assert.Less(t, heap.Value(), limit*95/100)
	assert.Greater(t, heap.Value(), limit*70/100)
}

func TestPortsAreThoseOfTheContainer(t *testing.T) {
	d, c := deployment(t)
	require.Len(t, c.Ports, 2)
	port, metrics := c.Ports[0], c.Ports[1]
	is := func(p intstr.IntOrString, of core.ContainerPort) bool {
		return p.Type == intstr.String && p.StrVal == of.Name || p.Type == intstr.Int && p.IntVal == of.ContainerPort
	}
	known := func(p intstr.IntOrString) bool { return is(p, port) }
	for _, p := range []*core.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		require.NotNil(t, p)
		assert.True(t, known(p.HTTPGet.Port), p.HTTPGet.Port)
	}
	all := manifests(t, "redbus.yaml")
	for _, p := range one[*core.Service](t, all).Spec.Ports {
		assert.True(t, known(p.TargetPort), p.TargetPort)
	}
	rules := one[*networking.NetworkPolicy](t, all).Spec.Ingress
	require.Len(t, rules, 2, "one for clients, and one for metrics, which need no key")
	for i, rule := range rules {
		assert.NotEmpty(t, rule.From, "all may connect")
		require.Len(t, rule.Ports, 1)
		assert.True(t, is(*rule.Ports[0].Port, c.Ports[i]), rule.Ports[0].Port)
	}
	assert.NotEqual(t, rules[0].From, rules[1].From)
	assert.Equal(t, fmt.Sprintf(":%d", metrics.ContainerPort), value(t, c, "metrics"))
	assert.Equal(t, map[string]string{
		"prometheus.io/scrape": "true", "prometheus.io/path": "/metrics", "prometheus.io/port": fmt.Sprint(metrics.ContainerPort),
	}, d.Spec.Template.Annotations)
	file := dockerfile(t)
	assert.Equal(t, fmt.Sprint(port.ContainerPort), file.last("EXPOSE"))
	assert.Contains(t, file.last("ENTRYPOINT"), fmt.Sprintf(`"-addr", ":%d"`, port.ContainerPort))
}

func TestEachStoreHasAWayThroughTheNetwork(t *testing.T) {
	for file, port := range map[string]int32{"redis.yaml": 6379, "postgres.yaml": 5432} {
		p := one[*networking.NetworkPolicy](t, manifests(t, file))
		assert.Equal(t, []networking.PolicyType{networking.PolicyTypeEgress}, p.Spec.PolicyTypes)
		require.Len(t, p.Spec.Egress, 1)
		assert.NotEmpty(t, p.Spec.Egress[0].To, file)
		require.Len(t, p.Spec.Egress[0].Ports, 1)
		assert.Equal(t, port, p.Spec.Egress[0].Ports[0].Port.IntVal)
	}
}

// value returns the value of a flag in the arguments of the container.
func value(t *testing.T, c core.Container, flag string) string {
	t.Helper()
	for _, arg := range c.Args {
		if v, is := strings.CutPrefix(arg, "-"+flag+"="); is {
			return v
		}
	}
	require.Fail(t, "no flag", "-%s in %q", flag, c.Args)
	return ""
}

func TestAPodIsNotKilledWhileItStillGetsRequests(t *testing.T) {
	d, c := deployment(t)
	p := c.ReadinessProbe
	unready := int64(p.PeriodSeconds*p.FailureThreshold + p.TimeoutSeconds)
	drain := seconds(t, value(t, c, "drain"))
	assert.GreaterOrEqual(t, drain, unready, "it ends before it is seen to be not ready")
	const grace = 10 // of service.Options
	assert.Greater(t, *d.Spec.Template.Spec.TerminationGracePeriodSeconds, drain+grace)
	assert.Equal(t, apps.RollingUpdateDeploymentStrategyType, d.Spec.Strategy.Type)
	assert.Equal(t, int32(0), d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntVal)
	assert.Positive(t, d.Spec.Strategy.RollingUpdate.MaxSurge.IntVal)
	assert.NotEqual(t, p.HTTPGet.Path, c.LivenessProbe.HTTPGet.Path, "a store that is away would restart all pods")
}

func TestTheAutoscalerHasTheDeployment(t *testing.T) {
	d, c := deployment(t)
	all := manifests(t, "redbus.yaml")
	h := one[*autoscaling.HorizontalPodAutoscaler](t, all)
	assert.Equal(t, autoscaling.CrossVersionObjectReference{APIVersion: d.APIVersion, Kind: d.Kind, Name: d.Name}, h.Spec.ScaleTargetRef)
	assert.Nil(t, d.Spec.Replicas, "each apply would set it back")
	assert.GreaterOrEqual(t, *h.Spec.MinReplicas, int32(2))
	assert.Greater(t, h.Spec.MaxReplicas, *h.Spec.MinReplicas)
	for _, m := range h.Spec.Metrics {
		require.Equal(t, autoscaling.ResourceMetricSourceType, m.Type)
		assert.Contains(t, c.Resources.Requests, m.Resource.Name, "utilization is a share of the request")
	}
	b := one[*policy.PodDisruptionBudget](t, all)
	assert.Less(t, b.Spec.MaxUnavailable.IntVal, *h.Spec.MinReplicas, "a pod must be left")
	assert.Positive(t, b.Spec.MaxUnavailable.IntVal, "nodes could not be drained")
}
