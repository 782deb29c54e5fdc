package page_test

import (
	"testing"

	"github.com/coderrange/ferrous/examples/internal/checked"
)

func TestMain(m *testing.M) { checked.Main(m) }
