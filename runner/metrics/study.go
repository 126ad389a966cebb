package metrics

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"horizon/corpora"
	"horizon/predictors"
)

// A Study measures what the walk over the test part cannot show: it has the
// trained predictor to itself, lets it write, alters its contexts, looks ahead
// from places of its own. An experiment asks for one by a table
//
//	[metrics.drift]
//	kind = "entropy-drift"
//	generations = 64
//	time = "2m"                 # stop after, with what is measured by then
//	predictors = ["kneser-*"]   # default: all; corpora alike
//
// The work is cut into units (generations, evaluation points, …) whose results
// are kept in a journal as they come: an interrupted measurement goes on with
// the units it lacks, and units run at once. Each is drawn with random numbers
// of its own, so that their order and company change nothing.
type Study interface {
	// Units is how many units there are, ≥ 1.
	Units() int
	// Unit measures unit i. It is called from many goroutines at once.
	Unit(ctx context.Context, i int) ([]float64, error)
	// Report puts the units together; done[i] is nil if the time was up
	// before unit i. At least one is not.
	Report(done [][]float64) ([]Ranged, error)
}

// A Ranged is a score with its own 95% interval, NaN where it has none. Its
// Horizon is whatever the score is a function of: steps ahead, the distance of
// two symbols, the length of a context; the metric's Info says.
type Ranged struct {
	Score
	Lo, Hi float64
}

// Exactly is a score without an interval.
func Exactly(metric string, at, n int, value float64) Ranged {
	return Ranged{Score{metric, at, n, value}, math.NaN(), math.NaN()}
}

// Between is a score with its interval.
func Between(metric string, at, n int, value, lo, hi float64) Ranged {
	return Ranged{Score{metric, at, n, value}, lo, hi}
}

// A StudyConfig is the parameters of a kind of study, decoded from TOML. It
// embeds StudyOptions.
type StudyConfig interface {
	// Validate checks the parameters.
	Validate() error
	// New prepares the study of a subject. The error is Inapplicable where the
	// subject has nothing to be measured.
	New(s *Subject) (Study, error)
	options() StudyOptions
}

// StudyOptions are what all studies have in common.
type StudyOptions struct {
	Time time.Duration `toml:"time"` // of measuring; units not begun by then are left out; 0 for no bound
}

func (o StudyOptions) options() StudyOptions { return o }

// Validate checks what all studies have in common.
func (o StudyOptions) Validate() error {
	if o.Time < 0 {
		return fmt.Errorf("time = %v, want >= 0", o.Time)
	}
	return nil
}

// Inapplicable is why a study has nothing to measure on a subject; its scores
// are then not there, and nothing is wrong.
type Inapplicable struct{ Reason string }

func (e Inapplicable) Error() string { return e.Reason }

// A StudyKind is a kind of study as experiments name it.
type StudyKind struct {
	Name    string
	Version int // raised when the same parameters measure something else
	Default func() StudyConfig
	Scores  []Info // what it reports
	Cost    string // how the work grows
	Needs   string // what it needs of predictor and corpus
	Doc     string // what it is, with its source
	Pitfall string // what it does not show
}

// FindStudy finds a kind of study by name.
func FindStudy(name string) (StudyKind, bool) {
	for _, k := range Studies {
		if k.Name == name {
			return k, true
		}
	}
	return StudyKind{}, false
}

// A Subject is a trained predictor with the corpus it was trained on.
type Subject struct {
	Corpus   *corpora.Corpus
	Protocol Protocol
	Seed     uint64 // of what is drawn
	A        int    // size of the alphabet

	mu      sync.Mutex
	p       predictors.Predictor
	written map[int]*original // the generations, by number
}

// NewSubject takes a trained predictor, which must not move while studies of
// it run.
func NewSubject(p predictors.Predictor, c *corpora.Corpus, o Protocol) *Subject {
	return &Subject{Corpus: c, Protocol: o, Seed: o.Seed, A: p.Alphabet(), p: p}
}

// Fork is the predictor at the empty context, to be moved at will. A fork
// serves one goroutine.
func (s *Subject) Fork() predictors.Predictor {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.p.Fork()
	f.Reset()
	return f
}

// A Journal keeps the results of units through interruptions.
type Journal interface {
	// Look returns what is known of a unit; nil if nothing is.
	Look(study string, unit int) []float64
	// Keep records a finished unit.
	Keep(study string, unit int, values []float64) error
}

// Measure runs a study: the units that the journal lacks, several at once, then
// the report. name tells studies apart in the journal. tick is told how many
// units are done of how many.
func Measure(ctx context.Context, name string, c StudyConfig, s *Subject, j Journal, tick func(done, total int64)) ([]Ranged, error) {
	st, err := c.New(s)
	if err != nil {
		return nil, err
	}
	units := make([][]float64, st.Units())
	var left []int
	for i := range units {
		if j != nil {
			units[i] = j.Look(name, i)
		}
		if units[i] == nil {
			left = append(left, i)
		}
	}
	var done atomic.Int64
	done.Store(int64(len(units) - len(left)))
	ended := done.Load() // even without a unit of today's, there is something to report
	start := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var report sync.Mutex // of tick and the journal
	for at, i := range left {
		if up := c.options().Time; up > 0 && time.Since(start) > up && ended+int64(at) > 0 {
			break
		}
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			v, err := st.Unit(gctx, i)
			if err != nil {
				return fmt.Errorf("unit %d: %w", i, err)
			}
			report.Lock()
			defer report.Unlock()
			units[i] = v
			tick(done.Add(1), int64(len(units)))
			if j != nil {
				return j.Keep(name, i, v)
			}
			return nil
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return nil, err
	}
	out, err := st.Report(units)
	if err != nil {
		return nil, err
	}
	return append(out, Exactly(strings.ReplaceAll(name, "-", "_")+"_units", 1, int(done.Load()), float64(done.Load())/float64(len(units)))), nil
}

// Bits lays out the bits of floats as bytes, for journals: NaN and infinities
// survive.
func Bits(v []float64) []byte {
	b := make([]byte, 0, 8*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// FromBits undoes Bits.
func FromBits(b []byte) []float64 {
	v := make([]float64, len(b)/8)
	for i := range v {
		v[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return v
}
