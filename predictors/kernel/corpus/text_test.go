package corpus

import (
	"reflect"
	"testing"
)

// TestDocuments: a text gives back the documents that have contexts, of the
// first of them what is remembered.
func TestDocuments(t *testing.T) {
	docs := [][]Symbol{{1, 2, 3, 4, 5, 6}, {7}, {1, 1, 1}, {0, 0, 0, 0}, {2, 0, 0, 0, 0}}
	for _, c := range []struct {
		keep int
		want [][]Symbol
	}{
		{0, [][]Symbol{docs[0], docs[3], docs[4]}},
		{4, [][]Symbol{{3, 4, 5, 6}, docs[3], docs[4]}},
		{2, [][]Symbol{docs[4]}},
	} {
		if got := newText(docs, 3, c.keep).documents(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("keep = %d: documents %v, want %v", c.keep, got, c.want)
		}
	}
	if got := newText(nil, 3, 0).documents(); len(got) != 0 {
		t.Errorf("documents %v of nothing", got)
	}
}
