package transformer

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"horizon/predictors"
	"horizon/predictors/transformer/blas"
)

// shards is into how many parts a batch is cut. It is part of the result,
// since it fixes the order in which gradients are added up; how many
// processors share the shards is not.
const shards = 2

// validSample is about how many validation symbols a look is measured on.
const validSample = 8192

// Fit trains by Algorithm 13 (DTraining) of Phuong & Hutter 2022, on batches of
// windows drawn from d.Train and with AdamW for gradient descent, and keeps the
// weights that did best on a sample of d.Valid; without one, the last. With
// nothing to train on it leaves the weights as they are. It fails where a
// symbol is outside the alphabet and where the loss stops being a number.
//
// It reports every step and, every ValidEvery steps and at the end, the mean
// loss in bits of the windows since ("train_bits") and of the validation sample
// ("valid_bits"). Patience, if set, ends it after as many looks in a row that
// were no better than the best. Every CheckpointEvery steps it saves all it
// needs to d.Checkpoint, and goes on from there if something is.
func (p *Transformer) Fit(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	for _, docs := range [][][]predictors.Symbol{d.Train, d.Valid} {
		if x := largest(docs); x >= p.A {
			return fmt.Errorf("transformer: symbol = %d, want < %d", x, p.A)
		}
	}
	if d.Symbols() == 0 {
		return nil
	}
	err := p.fitAll(ctx, d, report)
	p.settle()
	p.online = nil
	p.Reset()
	return err
}

// fitAll trains the model and, behind it, its prompt.
func (p *Transformer) fitAll(ctx context.Context, d predictors.Data, report func(predictors.Progress)) error {
	if p.prompt > 0 {
		return p.fitPrompted(ctx, d, report)
	}
	return p.fit(ctx, newTrainer(p.model, p.seed, d), p.budget, report)
}

// fit runs a training and says what it took.
func (p *Transformer) fit(ctx context.Context, t *trainer, b predictors.Budget, report func(predictors.Progress)) error {
	defer t.team.close()
	plan := [2]int{t.cfg.Steps, t.cfg.Warmup}
	t.schedule = schedule{b: b, start: time.Now(), plan: plan}
	defer func() { t.cfg.Steps, t.cfg.Warmup, p.work = plan[0], plan[1], t.work }()
	if t.cfg.Patience > 0 && len(t.valid) == 0 {
		return fmt.Errorf("transformer: patience = %d without a validation part to look at", t.cfg.Patience)
	}
	if err := t.resume(report); err != nil {
		return err
	}
	return t.run(ctx, report)
}

// largest is the largest symbol of docs, or -1.
func largest(docs [][]predictors.Symbol) int {
	top := -1
	for _, doc := range docs {
		for _, x := range doc {
			top = max(top, int(x))
		}
	}
	return top
}

// A trainer holds all that training needs and a model does not.
type trainer struct {
	*model
	seed   uint64
	adam   adam
	shards [shards]shard
	team   *team // nil: see atOnce
	draw   sampler
	batch  []window // of a step
	valid  []window
	losses []float64 // of each validation window, in nats

	checkpoint predictors.Checkpoint // nil if there is none

	low, high int  // which of the parameters are trained
	prompts   bool // they are those of the prompt
	led       int  // how many of its vectors are in front of every window

	step   int
	micro  int        // which of its batches is differentiated
	now    blas.AdamW // the optimizer at this step
	clip   float32    // what it scales the gradient by
	best   []float32  // weights, if any are kept
	kept   bool
	waited int      // looks since then
	since  struct { // the last look
		nats    float64
		symbols int64
	}
	seen int64 // training symbols, with repetition
	schedule
}

// A shard is one goroutine's share of a step.
type shard struct {
	grads   []float32
	dw      *weights
	acts    *activations
	back    *gradients
	segs    []segment
	ids     []int32 // inputs
	next    []int32 // targets
	nats    float64
	squares float64 // of its part of the summed gradient
}

func newTrainer(m *model, seed uint64, d predictors.Data) *trainer {
	n := len(m.params)
	t := &trainer{
		model: m,
		seed:  seed,
		adam:  adam{m: make([]float32, n), v: make([]float32, n)},
		draw:  newSampler(d.Train, m.cfg.trainWindow(), rand.NewPCG(seed, streamBatch)),
		batch: make([]window, m.cfg.Batch*m.cfg.batches()),
		best:  make([]float32, n),
		valid: m.validWindows(d.Valid, 0),
		high:  n,
		team:  newTeam(),

		checkpoint: d.Checkpoint,
	}
	t.losses = make([]float64, len(t.valid))
	per := (m.cfg.Batch + shards - 1) / shards
	M := per * m.W
	for i := range t.shards {
		s := &t.shards[i]
		s.grads = make([]float32, n)
		s.dw, _ = m.view(slicer(s.grads))
		s.acts = m.newActivations(M, per, per*m.H*m.W*m.W, M, true)
		s.back = m.newGradients(M)
		s.segs = make([]segment, 0, per)
		s.ids, s.next = make([]int32, 0, M), make([]int32, 0, M)
	}
	return t
}

func (t *trainer) run(ctx context.Context, report func(predictors.Progress)) error {
	t.from, t.work = t.step, t.doneOps()
	if err := t.affordable(); err != nil {
		return err
	}
	for !t.ended() {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.within()
		before := t.seen
		if nats := t.advance(); math.IsNaN(nats) || math.IsInf(nats, 0) {
			return fmt.Errorf("transformer: loss at step %d = %v, want a number (learning_rate = %v may be too high)", t.step, nats, t.cfg.LearningRate)
		}
		t.work += t.stepOps(int(t.seen-before) + t.led*len(t.batch))
		report(t.point("", 0))
		if t.step%t.cfg.ValidEvery == 0 || t.step >= t.cfg.Steps || t.spent() {
			t.look(report)
			t.work += t.lookOps()
		}
		if err := t.save(); err != nil {
			return err
		}
	}
	if len(t.valid) > 0 {
		copy(t.params, t.best)
	}
	return nil
}

// ended says whether all steps are done or patience is.
func (t *trainer) ended() bool {
	return t.step >= t.cfg.Steps || t.spent() || t.cfg.Patience > 0 && t.waited >= t.cfg.Patience
}

func (t *trainer) point(metric string, value float64) predictors.Progress {
	return predictors.Progress{
		Stage: "train", Done: int64(t.step), Total: int64(t.cfg.Steps),
		Metric: metric, Symbols: t.seen, Value: value,
	}
}

// look adds a point to the training curves and keeps the weights if they are
// the best so far.
func (t *trainer) look(report func(predictors.Progress)) {
	now := choice{Step: float64(t.step), TrainBits: t.trainBits()}
	report(t.point(t.curve("train_bits"), now.TrainBits))
	if len(t.valid) == 0 {
		t.chosen = now
		return
	}
	now.ValidBits = t.validBits()
	report(t.point(t.curve("valid_bits"), now.ValidBits))
	if t.waited++; t.kept && now.ValidBits >= t.chosen.ValidBits {
		return
	}
	t.kept, t.waited, t.chosen = true, 0, now
	copy(t.best, t.params)
}

// advance takes one step and returns the mean loss of its windows in nats.
func (t *trainer) advance() float64 {
	for i := range t.batch {
		t.batch[i] = t.draw.window()
	}
	return t.take(t.cfg.rule(t.step + 1))
}

// take takes a step by the given rule on t.batch and returns its mean loss in
// nats. The gradient of the mean is added up over as many parts of the batch
// as Accumulate says, so that no more than one is in memory.
func (t *trainer) take(rule blas.AdamW) float64 {
	symbols := 0
	for _, w := range t.batch {
		symbols += len(w.xs)
	}
	for t.micro = range t.cfg.batches() {
		t.deal(t.batch[t.micro*t.cfg.Batch:][:t.cfg.Batch])
		t.each((*trainer).differentiate, 1/float32(symbols))
	}
	t.each((*trainer).reduce, 0)
	nats, squares := 0.0, 0.0
	for i := range t.shards {
		nats += t.shards[i].nats
		squares += t.shards[i].squares
	}
	t.clip = 1
	if norm := math.Sqrt(squares); norm > t.cfg.Clip { // Pascanu, Mikolov & Bengio 2013
		t.clip = float32(t.cfg.Clip / norm)
	}
	t.step++
	t.now = rule
	t.each((*trainer).update, 0)
	t.seen += int64(symbols)
	t.since.nats += nats
	t.since.symbols += int64(symbols)
	return nats / float64(symbols)
}

// trainBits is the mean loss of the windows drawn since the last call.
func (t *trainer) trainBits() float64 {
	bits := t.since.nats / float64(t.since.symbols) / math.Ln2
	t.since.nats, t.since.symbols = 0, 0
	return bits
}

// each does every shard and waits for all.
func (t *trainer) each(do func(t *trainer, shard int, x float32), x float32) {
	if t.team == nil {
		t.atOnce(do, x)
		return
	}
	t.team.run(t, do, x)
}

// deal deals windows to the shards in order.
func (t *trainer) deal(windows []window) {
	n := len(windows)
	for i := range t.shards {
		s := &t.shards[i]
		s.clear()
		for _, w := range windows[n*i/shards : n*(i+1)/shards] {
			t.push(s, w)
		}
	}
}

func (s *shard) clear() { s.segs, s.ids, s.next = s.segs[:0], s.ids[:0], s.next[:0] }

// push appends a window to a shard: the start symbol, the prompt if it is
// trained and the symbols but the last are the inputs, the symbols the targets.
func (t *trainer) push(s *shard, w window) {
	in := int32(t.A)
	s.segs = append(s.segs, segment{len(s.ids), t.led + len(w.xs), t.opening(t.led, w.at)})
	for range t.led {
		s.ids, s.next = append(s.ids, in), append(s.next, -1)
		in++
	}
	for _, x := range w.xs {
		s.ids, s.next = append(s.ids, in), append(s.next, int32(x))
		in = int32(x)
	}
}

// differentiate adds up the loss and gradient of shard i over the batches of a
// step, each target weighing scale.
func (t *trainer) differentiate(i int, scale float32) {
	s := &t.shards[i]
	if t.micro == 0 {
		clear(s.grads)
		s.nats = 0
	}
	s.acts.noise = t.noise(i)
	t.forward(t.w, s.acts, s.segs, s.ids)
	s.nats += crossEntropy(s.acts.logits, s.next, t.A, 0, scale)
	t.backward(s.dw, t.w, s.acts, s.back, s.segs, s.ids)
}

// noise is what decides which components shard i drops, anew in each batch: none
// of a frozen model.
func (t *trainer) noise(i int) uint64 {
	if t.prompts {
		return 0
	}
	return mix(t.seed<<32+uint64(t.step*t.cfg.batches()+t.micro)<<8+uint64(i)) | 1
}

// part is the i-th of as many consecutive parts of the parameters that are
// trained as there are shards.
func (t *trainer) part(i int) (from, to int) {
	n := t.high - t.low
	return t.low + n*i/shards, t.low + n*(i+1)/shards
}

// reduce sums part i of the shards' gradients into the first, in order.
func (t *trainer) reduce(i int, _ float32) {
	from, to := t.part(i)
	g := t.shards[0].grads[from:to]
	for j := 1; j < shards; j++ {
		blas.Axpy(g, 1, t.shards[j].grads[from:to])
	}
	t.shards[i].squares = float64(blas.Dot(g, g))
}

// update applies the optimizer to part i. Only matrices decay, and no prompt.
func (t *trainer) update(i int, _ float32) {
	from, to := t.part(i)
	middle := min(max(t.matrices, from), to)
	if t.prompts {
		middle = from
	}
	rule := t.now
	t.apply(rule, from, middle)
	rule.Decay = 0
	t.apply(rule, middle, to)
}

func (t *trainer) apply(rule blas.AdamW, from, to int) {
	g := t.shards[0].grads[from:to]
	rule.Clip = t.clip
	rule.Step(t.params[from:to], g, t.adam.m[from:to], t.adam.v[from:to])
}

// A sampler draws training windows.
type sampler struct {
	docs [][]predictors.Symbol
	ends []int // ends[i] is the number of symbols in documents 0 to i
	w    int
	pcg  *rand.PCG // where rng is
	rng  *rand.Rand
}

func newSampler(docs [][]predictors.Symbol, w int, pcg *rand.PCG) sampler {
	s, n := sampler{docs: docs, w: w, pcg: pcg, rng: rand.New(pcg)}, 0
	for _, doc := range docs {
		n += len(doc)
		s.ends = append(s.ends, n)
	}
	return s
}

// window draws a symbol, then one of the windows that cover it; those that
// would reach past an end of the document are moved inside. So every symbol
// is a target about equally often, and windows at the start of a document,
// where scoring starts, are as frequent as the symbols they cover.
func (s *sampler) window() window {
	at := s.rng.IntN(s.ends[len(s.ends)-1])
	i, _ := slices.BinarySearch(s.ends, at+1)
	doc := s.docs[i]
	at -= s.ends[i] - len(doc)
	from := min(max(at-s.rng.IntN(s.w), 0), max(len(doc)-s.w, 0))
	return window{xs: doc[from:min(from+s.w, len(doc))], at: from}
}

// A window is a piece of a document, from symbol at on, whose predictions count
// from skip on.
type window struct {
	xs       []predictors.Symbol
	at, skip int
}

// validWindows are windows that Score would use on docs, every n-th of them,
// with as many vectors of a prompt, so that they cover about validSample symbols
// evenly.
func (m *model) validWindows(docs [][]predictors.Symbol, led int) (out []window) {
	var all []window
	symbols := 0
	for _, doc := range docs {
		symbols += len(doc)
		for from, skip := 0, 0; from+skip < len(doc); from += m.cfg.Stride {
			all = append(all, window{doc[from:min(from+m.W-led, len(doc))], from, skip})
			skip = m.W - led - m.cfg.Stride
		}
	}
	every := max(1, symbols/validSample)
	for i := 0; i < len(all); i += every {
		out = append(out, all[i])
	}
	return out
}

// validBits is the mean loss of the validation sample in bits.
func (t *trainer) validBits() float64 {
	t.each((*trainer).validate, 0)
	nats, symbols := 0.0, 0
	for i, w := range t.valid {
		nats += t.losses[i]
		symbols += len(w.xs) - w.skip
	}
	return nats / float64(symbols) / math.Ln2
}

// validate computes the losses of the i-th shard's validation windows, as
// many at once as there is room for.
func (t *trainer) validate(i int, _ float32) {
	s := &t.shards[i]
	s.acts.noise = 0
	n := len(t.valid)
	for from, to := n*i/shards, n*(i+1)/shards; from < to; {
		s.clear()
		upto := min(from+cap(s.segs), to)
		for _, w := range t.valid[from:upto] {
			t.push(s, w)
		}
		t.forward(t.w, s.acts, s.segs, s.ids)
		for j, g := range s.segs {
			rows := s.next[g.row : g.row+g.n]
			t.losses[from+j] = crossEntropy(s.acts.logits[g.row*t.A:], rows, t.A, t.led+t.valid[from+j].skip, 0)
		}
		from = upto
	}
}

// A team is the goroutines that run shards. They live as long as a Fit, so
// that a step allocates nothing.
type team struct {
	jobs chan job
	wait sync.WaitGroup
}

type job struct {
	t     *trainer
	do    func(t *trainer, shard int, x float32)
	shard int
	x     float32
}

// newTeam starts as many goroutines as there are processors to run shards on.
// Which of them runs which shard makes no difference to anything.
func newTeam() *team {
	m := &team{jobs: make(chan job)}
	for range min(shards, runtime.GOMAXPROCS(0)) {
		go func() {
			for j := range m.jobs {
				j.do(j.t, j.shard, j.x)
				m.wait.Done()
			}
		}()
	}
	return m
}

// run does every shard and waits for all.
func (m *team) run(t *trainer, do func(t *trainer, shard int, x float32), x float32) {
	m.wait.Add(shards)
	for i := range shards {
		m.jobs <- job{t, do, i, x}
	}
	m.wait.Wait()
}

func (m *team) close() { close(m.jobs) }
