package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"

	"horizon/runner/metrics"
)

// A journal is the file in which a cell keeps the finished units of its
// studies, a JSON line each, so that a run that was killed goes on with those
// that are missing. It is appended to and never rewritten: of a line that was
// cut short, and what follows it, nothing is believed. The first line names
// the cell; a journal of another cell or training is begun anew.
type journal struct {
	f    *os.File
	seen map[journalKey][]float64
}

type journalKey struct {
	study string
	unit  int
}

type journalLine struct {
	Cell  string `json:"cell,omitempty"`
	Study string `json:"study,omitempty"`
	Unit  int    `json:"unit,omitempty"`
	Bits  []byte `json:"bits,omitempty"` // of the values (metrics.Bits)
}

func journalFile(db, key string) string {
	return filepath.Join(filepath.Dir(db), "models", key[:32]+".studies")
}

// openJournal reads what there is.
func openJournal(file, cell string) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	j := &journal{f: f, seen: map[journalKey][]float64{}}
	end, ours := j.read(cell)
	if !ours {
		end = 0
	}
	if err := f.Truncate(end); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.Seek(end, 0); err != nil {
		f.Close()
		return nil, err
	}
	if !ours {
		err = j.write(journalLine{Cell: cell})
	}
	return j, err
}

// read takes in all whole lines and returns where they end.
func (j *journal) read(cell string) (end int64, ours bool) {
	r := bufio.NewReader(j.f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return end, ours
		}
		var l journalLine
		if json.Unmarshal(line, &l) != nil {
			return end, ours
		}
		if end == 0 {
			if ours = l.Cell == cell; !ours {
				return 0, false
			}
		} else {
			j.seen[journalKey{l.Study, l.Unit}] = metrics.FromBits(l.Bits)
		}
		end += int64(len(line))
	}
}

func (j *journal) write(l journalLine) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = j.f.Write(append(b, '\n'))
	return err
}

// Look implements metrics.Journal.
func (j *journal) Look(study string, unit int) []float64 { return j.seen[journalKey{study, unit}] }

// Keep implements metrics.Journal.
func (j *journal) Keep(study string, unit int, values []float64) error {
	return j.write(journalLine{Study: study, Unit: unit, Bits: metrics.Bits(values)})
}

func (j *journal) Close() error { return j.f.Close() }
