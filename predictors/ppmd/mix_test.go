package ppmd

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// slowMix is the mixture by its definition in mix.go over slow's contexts:
// means in a map by strings, weights in maps by what chooses them.
type slowMix struct {
	*slow
	d     int
	means map[string]*slowMean
	u     map[[2]int][]float64
	v     map[int][]float64
}

type slowMean struct{ q, n int }

type slowQuestion struct {
	y       int
	answer  float64
	inputs  []float64
	keys    []string
	weights [2][]float64
}

func (s *slowMix) weights() []float64 {
	w := make([]float64, s.d+2)
	for i := range w {
		w[i] = 0.08
	}
	w[0] = 0.6
	return w
}

func stretch(q float64) float64 { return math.Log(q / (1 - q)) }

func logistic(w, in []float64) float64 {
	s := 0.0
	for i := range in {
		s += w[i] * in[i]
	}
	return 1 / (1 + math.Exp(-s))
}

// questions lists those on the way to x, or all if x < 0, and puts P_mix into
// p for the symbols asked for or shared out.
func (s *slowMix) questions(x int, p []float64) (asked []slowQuestion) {
	left, length, answered := 1.0, s.at.length, false
	if s.ghostAt >= 0 {
		length = s.ghostLength
	}
	s.walk(func(l slowLook, law map[int]float64, escape float64) bool {
		if l.binary[0] == 0 {
			length = l.node.length
		}
		rest := 1.0
		order := l.node.seen
		if l.binary[0] > 0 {
			for y := range law {
				order = []*slowState{{symbol: y}}
			}
		}
		for _, t := range order {
			y := t.symbol
			q, ok := law[y]
			switch {
			case !ok:
				continue
			case length == 0:
				p[y] = left * q
			default:
				if q /= rest; escape < 1e-15 && q > 1-1e-9 {
					p[y], left = left, 0
					break
				}
				rest -= law[y]
				asked = append(asked, s.question(y, length, len(asked), q))
				p[y] = left * asked[len(asked)-1].answer
				left *= 1 - asked[len(asked)-1].answer
			}
			if y == x {
				answered = true
				break
			}
		}
		return answered
	})
	return asked
}

func (s *slowMix) question(y, length, n int, q float64) slowQuestion {
	a := slowQuestion{y: y, inputs: []float64{stretch(q)}}
	for d := range s.d + 1 {
		var last []int
		for i := len(s.past) - d; i < len(s.past); i++ {
			if i >= 0 {
				last = append(last, s.past[i])
			} else {
				last = append(last, -1)
			}
		}
		key := name(last) + ":" + name([]int{y})
		a.keys = append(a.keys, key)
		if m := s.means[key]; m != nil {
			a.inputs = append(a.inputs, stretch((float64(m.q>>4)+0.5)/4096))
		} else {
			a.inputs = append(a.inputs, 0)
		}
	}
	k := [2]int{length, min(n, 3)}
	if s.u[k] == nil {
		s.u[k] = s.weights()
	}
	if s.v[y] == nil {
		s.v[y] = s.weights()
	}
	a.weights = [2][]float64{s.u[k], s.v[y]}
	a.answer = 1 / (1 + math.Exp(-(stretch(logistic(s.u[k], a.inputs))+stretch(logistic(s.v[y], a.inputs)))/2))
	return a
}

func (s *slowMix) learn(x int) {
	if s.broken { // as slow.learn does
		s.ghostAt = -1
	}
	for _, a := range s.questions(x, make([]float64, s.a)) {
		came := 0.0
		if a.y == x {
			came = 1
		}
		for _, w := range a.weights {
			e := came - logistic(w, a.inputs)
			for i := range w {
				w[i] += 0.003 * e * a.inputs[i]
			}
		}
		for _, key := range a.keys {
			m := s.means[key]
			if m == nil {
				m = &slowMean{q: 26214}
				s.means[key] = m
			}
			m.q += (65535*int(came) - m.q) * 2 / (2*m.n + 3)
			m.n = min(m.n+1, 20)
		}
	}
	s.slow.learn(x)
}

func TestMixtureAgainstDefinition(t *testing.T) {
	for _, c := range []struct{ a, order, d, n int }{{2, 3, 4, 1500}, {3, 2, 2, 1500}, {5, 4, 1, 1000}, {40, 3, 2, 400}} {
		rng := rand.New(rand.NewPCG(uint64(c.a), 3))
		made, err := (&Config{Order: c.order, Memory: 1 << 30, MixOrder: c.d, MixMemory: 1 << 26}).New(predictors.Env{Alphabet: c.a})
		if err != nil {
			t.Fatal(err)
		}
		p := made.(*ppmd)
		s := &slowMix{slow: newSlow(c.a, c.order), d: c.d, means: map[string]*slowMean{}, u: map[[2]int][]float64{}, v: map[int][]float64{}}
		q, mix := make([]float64, c.a), make([]float64, c.a)
		walk := func(xs []predictors.Symbol, learns bool) {
			for i, x := range xs {
				p.Predict(q)
				s.questions(-1, mix)
				for y, v := range s.predict() {
					want := v/65536 + mix[y]*65535/65536
					if one := p.Prob(predictors.Symbol(y)); math.Abs(q[y]-want) > 1e-10 || math.Abs(one-q[y]) > 1e-15 {
						t.Fatalf("A = %d, learning %v: after %d symbols P(%d) = %v and %v, want %v", c.a, learns, i, y, q[y], one, want)
					}
				}
				if learns {
					p.Learn(x)
					s.learn(int(x))
				} else {
					p.Observe(x)
					s.observe(int(x))
				}
			}
		}
		walk(noise(rng, c.a, c.n), true)
		p.Reset()
		s.reset()
		walk(noise(rng, c.a, 100), false)
		walk(noise(rng, c.a, 200), true)
	}
}
