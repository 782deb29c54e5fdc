package deploy_test

import (
	"bufio"
	"debug/elf"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coderrange/ferrous/internal/testkit"
)

// build does what the Dockerfile does, and returns a folder with what the image holds.
func build(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	_, command, found := strings.Cut(dockerfile(t).last("RUN"), "CGO_ENABLED=0")
	require.True(t, found)
	require.Contains(t, command, " -o /redbus ")
	command = "CGO_ENABLED=0" + strings.NewReplacer(
		" -o /redbus ", " -o "+filepath.Join(root, "redbus")+" ",
		" -trimpath ", " ", // so that packages that have been compiled are used again
	).Replace(command)
	c := testkit.Command(t, "sh", "-c", command)
	c.Dir = ".."
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	return root
}

func TestTheBuildOfTheImageHasAllFiles(t *testing.T) {
	list := testkit.Command(t, "go", "list", "-deps", "-f",
		`{{with .Module}}{{if or .Main .Replace}}{{$d := $.Dir}}{{.GoMod}}{{range $.GoFiles}} {{$d}}/{{.}}{{end}}{{range $.EmbedFiles}} {{$d}}/{{.}}{{end}}{{end}}{{end}}`,
		"./redbus")
	list.Dir = "../examples"
	list.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := list.Output()
	require.NoError(t, err)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	all := patterns(t)
	needed := append(strings.Fields(string(out)), filepath.Join(root, "examples/go.sum"))
	for _, file := range needed {
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		require.True(t, filepath.IsLocal(name), name)
		assert.False(t, ignored(all, name), "the image lacks %s", name)
	}
	embedded := func(file string) bool { return !strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "go.mod") }
	assert.True(t, slices.ContainsFunc(needed[:len(needed)-1], embedded))
}

// inside makes a command run in root as the user of the image.
func inside(c *exec.Cmd, root string, user uint32) {
	c.Dir, c.Env = "/", []string{"GOMEMLIMIT=900MiB"}
	c.SysProcAttr.Chroot = root
	if os.Geteuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: user}
		return
	}
	c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(user), HostID: os.Geteuid(), Size: 1}}
}

// The program of the image runs with the arguments of the manifest and nothing but the
// files that it mounts, serves the paths that probes ask for, and writes no file.
func TestTheProgramRunsInAnEmptyRoot(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program")
	}
	root := build(t)
	program, err := elf.Open(filepath.Join(root, "redbus"))
	require.NoError(t, err)
	libraries, err := program.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
	for _, p := range program.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "it needs a linker")
	}
	require.NoError(t, program.Close())

	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc/redbus"), 0o755)) //nolint:gosec // all may read the image
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/redbus/keys"), []byte("user alice a-key-of-twenty-bytes\n"), 0o444))
	for _, name := range []string{".", "etc", "etc/redbus", "redbus"} {
		require.NoError(t, os.Chmod(filepath.Join(root, name), 0o555)) //nolint:gosec // it is a read-only root
	}
	t.Cleanup(func() {
		for _, name := range []string{".", "etc", "etc/redbus"} {
			assert.NoError(t, os.Chmod(filepath.Join(root, name), 0o700)) //nolint:gosec // so that it can be removed
		}
	})
	before := files(t, root)

	d, c := deployment(t)
	user := uint32(*d.Spec.Template.Spec.SecurityContext.RunAsUser) //nolint:gosec // it is small
	args := append(words(t, dockerfile(t).last("ENTRYPOINT")), c.Args...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$(STORE_URL)", "memory")
	}
	serve := testkit.Command(t, args[0], append(args[1:], "-addr", "127.0.0.1:0", "-metrics", "127.0.0.1:0", "-drain", "0")...)
	inside(serve, root, user)
	var log strings.Builder
	serve.Stderr = &log
	said, err := serve.StdoutPipe()
	require.NoError(t, err)
	if err := serve.Start(); err != nil {
		testkit.NoMounts(t, err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		_ = serve.Wait()
		require.NoError(t, err, log.String())
	}
	url, _, _ := strings.Cut(line, " ")

	for _, p := range []string{c.StartupProbe.HTTPGet.Path, c.LivenessProbe.HTTPGet.Path, c.ReadinessProbe.HTTPGet.Path} {
		r, err := http.Get(url + p)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		assert.Less(t, r.StatusCode, 300, p)
	}
	healthy := func() int {
		args := words(t, dockerfile(t).last("HEALTHCHECK"))
		probe := testkit.Command(t, args[0], append(args[1:], "-url", url+"/readyz")...)
		inside(probe, root, user)
		_ = probe.Run() // the exit code tells
		return probe.ProcessState.ExitCode()
	}
	assert.Zero(t, healthy())
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
	require.NoError(t, serve.Wait(), log.String())
	assert.Equal(t, 1, healthy(), "nobody listens")
	assert.Equal(t, before, files(t, root))
}

// files returns the paths and sizes of all files.
func files(t *testing.T, root string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		all = append(all, file+" "+strconv.FormatInt(info.Size(), 10))
		return err
	}))
	return all
}
