package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

// The page on metrics is what Kinds and Studies say.
func TestDocsAreUpToDate(t *testing.T) {
	const file = "../../docs/metrics.md"
	want := page()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what Kinds and Studies say (rewrite with -update)", file)
	}
	for _, k := range Studies {
		for _, s := range []string{k.Name, k.Cost, k.Needs, k.Pitfall, sentence(k.Doc)} {
			if !bytes.Contains(want, []byte(s)) {
				t.Errorf("%s: the page lacks %q", k.Name, s)
			}
		}
	}
}

const preface = `# Metrics

Written by ` + "`go test ./runner/metrics -run Docs -update`" + ` from the lists in the code
(` + "`runner/metrics/metrics.go`, `runner/metrics/studies.go`" + `).

*Better* is the direction in which a predictor improves; where there is none, the
number describes and does not judge. A *proper* score is one that no predictor
can improve by saying what it does not believe. Only such rank a leaderboard:
everything else is a diagnosis, and no model should be chosen by it alone. The
column *horizon* of the results holds steps ahead, or whatever else a metric is a
function of: its line here says.

## Measured on every walk over the test part

`

const studiesHead = `
## Studies

What the walk cannot show is measured by studies, each asked for by a table of
the experiment:

` + "```toml" + `
[metrics.drift]
kind       = "entropy-drift"
length     = 4096
time       = "2m"                # stop after, with what is measured by then
predictors = ["kneser-*"]        # default: all; corpora alike
` + "```" + `

Each also reports ` + "`KIND_units`" + `, the share of its units of work that was done
in its time; what was done is kept, and an interrupted study goes on from there.
`

// page is docs/metrics.md.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(preface)
	infos(&b, Kinds)
	b.WriteString(studiesHead)
	for _, k := range Studies {
		fmt.Fprintf(&b, "\n### %s\n\n%s.\n\n", k.Name, sentence(k.Doc))
		fmt.Fprintf(&b, "- **Needs** %s.\n- **Cost** %s.\n- **Pitfall** %s.\n\n", k.Needs, k.Cost, k.Pitfall)
		infos(&b, k.Scores)
	}
	return b.Bytes()
}

func infos(b *bytes.Buffer, list []Info) {
	b.WriteString("| metric | unit | better | proper | what it is |\n|---|---|---|---|---|\n")
	for _, m := range list {
		proper := "no"
		if m.Proper {
			proper = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", m.Name, cell(m.Unit), m.Better, proper, cell(m.Doc))
	}
}

// cell is a text that does not end a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// sentence begins with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
