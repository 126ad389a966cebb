package main

import (
	"fmt"
	"strings"
	"testing"

	"horizon/corpora"
)

// The list of known processes has a row for each that has default parameters,
// and says where something is infinite or unknown.
func TestListKnown(t *testing.T) {
	list, err := listKnown(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, r := range list.Rows {
		rows[r[0].(string)] = fmt.Sprint(r[1:]...)
		if len(r) != len(list.Columns) {
			t.Errorf("%v: %d cells, want %d", r, len(r), len(list.Columns))
		}
	}
	for _, k := range corpora.Kinds {
		if _, ok := rows[k.Name]; ok != (k.Process && k.Default().Validate() == nil) {
			t.Errorf("%s: listed: %v", k.Name, ok)
		}
	}
	for kind, words := range map[string][]string{
		"even":        {"p=0.5", "0.6667", "0.9183", "3.1699", "0.8742"},
		"rrxor":       {"2.2516", "12.7431"},
		"mess3":       {"a=0.85 x=0.05", "1.1447", "infinite"},
		"dyck":        {"depth=8 push=0.5 types=2", "7.1250"},
		"lz78-source": {"0.5573", "infinite", "unknown"},
	} {
		for _, w := range words {
			if !strings.Contains(rows[kind], w) {
				t.Errorf("%s: %s lacks %s", kind, rows[kind], w)
			}
		}
	}
}
