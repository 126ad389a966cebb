package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"horizon/results"
)

// A table is printed with its columns aligned: text to the left, numbers to
// the right.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table, each line indented. A column is numeric if nothing
// in it starts with a letter.
func (t *table) print(w io.Writer, indent string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	width := make([]int, len(t.head))
	numeric := make([]bool, len(t.head))
	for c := range t.head {
		numeric[c] = true
		for _, row := range append([][]string{t.head}, t.rows...) {
			width[c] = max(width[c], utf8.RuneCountInString(row[c]))
		}
		for _, row := range t.rows {
			if s := strings.TrimSpace(row[c]); s != "" && !strings.ContainsAny(s[:1], "0123456789-+.<>~[") {
				numeric[c] = false
			}
		}
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		line := make([]string, len(row))
		for c, s := range row {
			if numeric[c] {
				s = strings.Repeat(" ", width[c]-utf8.RuneCountInString(s)) + s
			}
			line[c] = s
		}
		fmt.Fprintf(tw, "%s%s\n", indent, strings.TrimRight(strings.Join(line, "\t"), "\t "))
	}
	return tw.Flush()
}

// fixed writes a number with so many decimals, and nothing for NaN.
func fixed(v float64, decimals int) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printResult prints the answer to a query.
func printResult(w io.Writer, t *results.Table, format string) error {
	switch format {
	case "json":
		list := make([]map[string]any, 0, len(t.Rows))
		for _, row := range t.Rows {
			m := map[string]any{}
			for i, c := range t.Columns {
				m[c] = row[i]
				if f, ok := row[i].(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
					m[c] = fmt.Sprint(f) // JSON has no infinity
				}
			}
			list = append(list, m)
		}
		return printJSON(w, list)
	case "csv":
		c := csv.NewWriter(w)
		c.Write(t.Columns)
		for _, row := range t.Rows {
			c.Write(cells(row, func(v float64) string { return fmt.Sprint(v) }))
		}
		c.Flush()
		return c.Error()
	}
	if format == "markdown" {
		fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)))
		for _, row := range t.Rows {
			line := cells(row, func(v float64) string { return fmt.Sprintf("%.6g", v) })
			for i := range line {
				line[i] = strings.ReplaceAll(line[i], "|", "\\|")
			}
			fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		}
		return nil
	}
	out := table{head: t.Columns}
	for _, row := range t.Rows {
		out.add(cells(row, func(v float64) string { return fmt.Sprintf("%.6g", v) })...)
	}
	return out.print(w, "")
}

func cells(row []any, number func(float64) string) []string {
	line := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
		case float64:
			line[i] = number(v)
		case []byte:
			line[i] = fmt.Sprintf("x'%x'", v)
		default:
			line[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(fmt.Sprint(v))
		}
	}
	return line
}
