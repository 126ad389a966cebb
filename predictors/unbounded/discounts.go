package unbounded

import (
	"fmt"
	"math"
	"strconv"

	"horizon/predictors"
)

// Discounts by the length of the context. δ_l discounts a context of l
// symbols given the one of l−1; between contexts of l and m > l symbols with
// none stored in between, the discount is the product
//
//	d(l, m) = Π_{i=l+1..m} δ_i,   log δ_{K+i} = ρ^i log δ_K for i ≥ 0
//
// so that there are K+1 free numbers and ρ, which says how fast further
// symbols cease to matter: Π δ converges to δ_K^{1/(1−ρ)}, and however long a
// match is, it is not believed entirely. (Gasthaus, Wood & Teh 2010 have ρ = 1.)
const deep = 16 // K

// startDiscounts are those of Gasthaus, Wood & Teh 2010, footnote 2; the last
// is repeated.
var startDiscounts = []float64{.05, .7, .8, .82, .84, .88, .91, .92, .93, .94, .95}

const startDecay = 0.99

// tabled is how many lengths have their sums of logarithms in a table.
const tabled = 512

// A chain is the discounts of the present free parameters: free[l] is the logit
// of δ_l, free[decayAt] the logit of ρ.
type chain struct {
	free   []float64
	grad   []float64           // of the log-probability, by free
	cum    [tabled + 1]float64 // cum[l+1] = Σ_{i≤l} log δ_i
	rho    float64
	last   float64           // log δ_K
	weight [deep + 2]float64 // gradient by cum[l+1], l < K; then by Σ for l ≥ K
	byRho  float64           // gradient by ρ
}

const (
	decayAt = deep + 1
	links   = deep + 2 // free parameters of a chain
)

// discounts are one or more chains and further free parameters, which their
// owner interprets, and the way all of them climb.
type discounts struct {
	free []float64 // those of the chains first
	grad []float64
	adam
	chains []chain
}

func newDiscounts(chains, more int) *discounts {
	n := chains*links + more
	d := &discounts{free: make([]float64, n), grad: make([]float64, n), chains: make([]chain, chains)}
	for i := range d.chains {
		c := &d.chains[i]
		c.free, c.grad = d.free[i*links:(i+1)*links], d.grad[i*links:(i+1)*links]
		for l := 0; l <= deep; l++ {
			c.free[l] = logit(startDiscounts[min(l, len(startDiscounts)-1)])
		}
		c.free[decayAt] = logit(startDecay)
	}
	d.adam.clear(n)
	d.settle()
	return d
}

func logit(p float64) float64   { return math.Log(p / (1 - p)) }
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// limit keeps logits where 1 − δ has digits left.
const limit = 12

// settle derives what follows from the free parameters.
func (d *discounts) settle() {
	for i, v := range d.free {
		d.free[i] = min(max(v, -limit), limit)
	}
	for i := range d.chains {
		d.chains[i].settle()
	}
}

func (c *chain) settle() {
	c.rho = sigmoid(c.free[decayAt])
	sum, power := 0.0, 1.0
	for l := 0; l < tabled; l++ {
		if l <= deep {
			c.last = -math.Log1p(math.Exp(-c.free[l])) // log sigmoid
			sum += c.last
		} else {
			power *= c.rho
			sum += power * c.last
		}
		c.cum[l+1] = sum
	}
}

// sum is Σ_{i≤l} log δ_i, 0 for l = −1.
func (c *chain) sum(l int) float64 {
	if l < tabled {
		return c.cum[l+1]
	}
	s, _ := c.series(l)
	return c.cum[deep] + c.last*s
}

// series is S = Σ_{i=0..l−K} ρ^i and dS/dρ, for l ≥ K.
func (c *chain) series(l int) (s, ds float64) {
	n := float64(l - deep + 1)
	p := math.Pow(c.rho, n)
	s = (1 - p) / (1 - c.rho)
	ds = (s - n*p/c.rho) / (1 - c.rho)
	return s, ds
}

// between is d(l, m).
func (c *chain) between(l, m int) float64 {
	if l >= m {
		return 1
	}
	return math.Exp(c.sum(m) - c.sum(l))
}

// pull adds g to the gradient by Σ_{i≤l} log δ_i.
func (c *chain) pull(l int, g float64) {
	if l < deep {
		if l >= 0 {
			c.weight[l] += g
		}
		return
	}
	s, ds := c.series(l)
	c.weight[deep] += g       // reaches all δ below K once
	c.weight[deep+1] += g * s // and δ_K s times
	c.byRho += g * c.last * ds
}

// gather turns what was pulled into the gradient by the free parameters, and
// forgets it.
func (c *chain) gather() {
	// d log sigmoid(x)/dx = 1 − sigmoid(x)
	c.grad[deep] += c.weight[deep+1] * (1 - sigmoid(c.free[deep]))
	sum := c.weight[deep]
	for l := deep - 1; l >= 0; l-- {
		sum += c.weight[l]
		c.grad[l] += sum * (1 - sigmoid(c.free[l]))
	}
	c.grad[decayAt] += c.byRho * c.rho * (1 - c.rho)
	clear(c.weight[:])
	c.byRho = 0
}

func (d *discounts) gather() {
	for i := range d.chains {
		d.chains[i].gather()
	}
}

// step climbs along the gradient and clears it.
func (d *discounts) step(rate float64) {
	d.gather()
	d.adam.climb(d.free, d.grad, rate)
	clear(d.grad)
	d.settle()
}

// describe names the discounts after the chain.
func (c *chain) describe(out map[string]float64, name string) {
	for l := 0; l <= deep; l++ {
		out["d_"+strconv.Itoa(l)+name] = sigmoid(c.free[l])
	}
	out["decay"+name] = c.rho
}

func (d *discounts) bytes() int64 {
	return int64(cap(d.free)+cap(d.first)+cap(d.second))*8 + (tabled+1)*8
}

func (d *discounts) save(a *predictors.Archive) {
	free, first, second, steps := d.free, d.first, d.second, d.steps
	predictors.Slice(a, &free)
	predictors.Slice(a, &first)
	predictors.Slice(a, &second)
	predictors.Value(a, &steps)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(free) != len(d.free) || len(first) != len(free) || len(second) != len(free) {
		a.Fail(fmt.Errorf("unbounded: %d saved parameters, want %d", len(free), len(d.free)))
		return
	}
	for i := range free {
		if bad(free[i]) || bad(first[i]) || bad(second[i]) || second[i] < 0 {
			a.Fail(fmt.Errorf("unbounded: saved parameter %d is damaged", i))
			return
		}
	}
	copy(d.free, free)
	copy(d.first, first)
	copy(d.second, second)
	d.steps = max(steps, 0)
	d.settle()
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// adam is the method of Kingma & Ba 2015, algorithm 1, with their constants.
type adam struct {
	first, second []float64
	steps         int64
}

func (o *adam) clear(n int) {
	o.first, o.second, o.steps = make([]float64, n), make([]float64, n), 0
}

func (o *adam) climb(x, grad []float64, rate float64) {
	const b1, b2, eps = 0.9, 0.999, 1e-8
	o.steps++
	c1 := 1 - math.Pow(b1, float64(o.steps))
	c2 := 1 - math.Pow(b2, float64(o.steps))
	for i, g := range grad {
		o.first[i] = b1*o.first[i] + (1-b1)*g
		o.second[i] = b2*o.second[i] + (1-b2)*g*g
		x[i] += rate * (o.first[i] / c1) / (math.Sqrt(o.second[i]/c2) + eps)
	}
}

// saveBatch saves the gradient of a batch not yet full, after wait symbols.
func (d *discounts) saveBatch(a *predictors.Archive, wait *int) {
	n, grad := int64(*wait), d.grad
	var pulled []float64
	for i := range d.chains {
		pulled = append(append(pulled, d.chains[i].weight[:]...), d.chains[i].byRho)
	}
	want := len(pulled)
	predictors.Value(a, &n)
	predictors.Slice(a, &grad)
	predictors.Slice(a, &pulled)
	if !a.Reading() || a.Err() != nil {
		return
	}
	if len(grad) != len(d.grad) || len(pulled) != want || n < 0 || n >= batch {
		a.Fail(fmt.Errorf("unbounded: the saved gradient is damaged"))
		return
	}
	*wait = int(n)
	copy(d.grad, grad)
	for i := range d.chains {
		pulled = pulled[copy(d.chains[i].weight[:], pulled):]
		d.chains[i].byRho, pulled = pulled[0], pulled[1:]
	}
}
