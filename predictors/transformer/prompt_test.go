package transformer

import (
	"bytes"
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"horizon/predictors"
)

// TestPromptOfEmbeddings: vectors that are the embeddings of symbols are those
// symbols, read at the start of a text.
func TestPromptOfEmbeddings(t *testing.T) {
	for _, positions := range positionNames {
		c := Config{Layers: 2, Heads: 2, Width: 8, Window: 12, Stride: 4, FeedForward: 2, Tied: true, Biases: true, Positions: positions}
		read := []predictors.Symbol{2, 0, 1}
		xs := randomSymbols(8, 3, rand.New(rand.NewPCG(71, 1)))
		plain := randomModel(c, 3, rand.New(rand.NewPCG(71, 2)))
		want := lawAfter(plain, append(slices.Clone(read), xs...))
		c.Prompt = len(read)
		prompted := newModel(c, 3)
		copy(prompted.w.tok, plain.w.tok)
		copy(prompted.params[len(prompted.w.tok):], plain.params[len(plain.w.tok):])
		for i, y := range read {
			copy(prompted.vector(i), plain.w.tok[int(y)*c.Width:][:c.Width])
		}
		if d := distance(lawAfter(prompted, xs), want); d > 1e-6 {
			t.Errorf("positions %s: a prompt of embeddings and the symbols themselves differ by %v", positions, d)
		}
	}
}

// registers are texts of four symbols in one of two registers: fair draws of 0
// and 1, or of 2 and 3. Two bits tell the first symbol, then one each; a reader
// who knows the register needs one for the first, too.
func registers(n int, only2and3 bool, rng *rand.Rand) (docs [][]predictors.Symbol) {
	for range n {
		doc := randomSymbols(4, 2, rng)
		if only2and3 || rng.IntN(2) == 0 {
			for i := range doc {
				doc[i] += 2
			}
		}
		docs = append(docs, doc)
	}
	return docs
}

// TestSoftPrompt (E3): a frozen model is told the register by its prompt, which
// saves what the first symbol would have told, 1/4 bit a symbol of these texts,
// and no more.
func TestSoftPrompt(t *testing.T) {
	rng := rand.New(rand.NewPCG(72, 1))
	both, own := registers(900, false, rng), registers(100, true, rng)
	d := predictors.Data{Train: append(slices.Clone(both), own...), Valid: registers(200, true, rng)}
	c := small()
	c.Window, c.Stride, c.Steps, c.LearningRate, c.ValidEvery = 8, 4, 200, 5e-3, 200
	c.Prompt, c.PromptShare, c.PromptSteps, c.PromptBeam = 3, 0.1, 100, 2
	p := newTransformer(newModel(*c, 4), 1)
	p.initialize(1)
	curves := map[string]int{}
	var frozen []float32
	if err := p.Fit(context.Background(), d, func(r predictors.Progress) {
		if curves[r.Metric]++; r.Metric == "valid_bits" { // once, behind the last step
			frozen = slices.Clone(p.params)
		}
	}); err != nil {
		t.Fatal(err)
	}
	from, to := (p.A+1)*p.C, (p.A+1+p.prompt)*p.C
	if slices.Equal(p.params[from:to], frozen[from:to]) {
		t.Error("the prompt has not been trained")
	}
	if copy(frozen[from:to], p.params[from:to]); !slices.Equal(p.params, frozen) {
		t.Error("more has been trained than the prompt")
	}
	got := p.Describe()
	for _, v := range []struct {
		what      string
		low, high float64
	}{{"unprompted_valid_bits", 1.22, 1.32}, {"valid_bits", 0.99, 1.03}, {"rounded_valid_bits", 0.99, 1.05}, {"prompt_1", 0, 3}, {"searched_valid_bits", 0.99, 1.03}, {"searched_1", 0, 3}} {
		if !(got[v.what] >= v.low && got[v.what] <= v.high) {
			t.Errorf("%s = %v, want %v to %v", v.what, got[v.what], v.low, v.high)
		}
	}
	sum := 0.0
	for _, doc := range d.Valid {
		sum += meanBits(p, doc) / float64(len(d.Valid))
	}
	if math.Abs(sum-got["valid_bits"]) > 1e-5 {
		t.Errorf("Score gives %v bits, training's look gave %v", sum, got["valid_bits"])
	}
	if curves["prompt_valid_bits"] == 0 || curves["valid_bits"] == 0 {
		t.Errorf("curves = %v, want those of the model and of the prompt", curves)
	}
	var saved bytes.Buffer
	again := newTransformer(newModel(*c, 4), 1)
	if _, err := p.WriteTo(&saved); err != nil {
		t.Fatal(err)
	}
	if _, err := again.ReadFrom(&saved); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(again.Describe(), got) {
		t.Errorf("loaded, it says %v, want %v", again.Describe(), got)
	}
}

// TestPromptLearnsAlone: learning on changes the prompt and nothing else.
func TestPromptLearnsAlone(t *testing.T) {
	c := small()
	c.Prompt, c.OnlineRate = 2, 1e-2
	p := newTransformer(newModel(*c, 4), 1)
	p.initialize(1)
	before := slices.Clone(p.params)
	for _, x := range randomSymbols(40, 4, rand.New(rand.NewPCG(73, 1))) {
		p.Learn(x)
	}
	from, to := (p.A+1)*p.C, (p.A+1+p.prompt)*p.C
	if slices.Equal(p.params[from:to], before[from:to]) {
		t.Error("the prompt has not learned")
	}
	copy(p.params[from:to], before[from:to])
	if !slices.Equal(p.params, before) {
		t.Error("more than the prompt has learned")
	}
}

// TestDivide: the last share goes to the prompt, symbol for symbol.
func TestDivide(t *testing.T) {
	docs := [][]predictors.Symbol{{0, 1, 2}, {}, {3, 4, 5, 6}, {7, 8, 9}}
	first, last := divide(docs, 0.4)
	if got := slices.Concat(first...); !slices.Equal(got, []predictors.Symbol{0, 1, 2, 3, 4, 5}) || len(first) != 2 {
		t.Errorf("first = %v", first)
	}
	if got := slices.Concat(last...); !slices.Equal(got, []predictors.Symbol{6, 7, 8, 9}) || len(last) != 2 {
		t.Errorf("last = %v", last)
	}
	if first, last = divide(docs, 0); len(first) != 4 || len(last) != 4 {
		t.Errorf("share 0 gives %v and %v, want all to both", first, last)
	}
}

// TestSegmentOff (E2): embeddings of segments that are nothing change nothing,
// and where they are something, where the beginning ends makes a difference.
func TestSegmentOff(t *testing.T) {
	c := Config{Layers: 2, Heads: 2, Width: 8, Window: 12, Stride: 4, FeedForward: 2, Tied: true, Positions: "none"}
	xs := randomSymbols(10, 3, rand.New(rand.NewPCG(74, 1)))
	plain := randomModel(c, 3, rand.New(rand.NewPCG(74, 2)))
	var laws [][]float64
	for _, v := range []struct {
		segment int
		size    float32
	}{{4, 0}, {4, 1}, {5, 1}} {
		c.Segment = v.segment
		m := newModel(c, 3)
		copy(m.w.tok, plain.w.tok)
		copy(m.params[len(m.w.tok)+len(m.w.seg):], plain.params[len(plain.w.tok):])
		for i := range m.w.seg {
			m.w.seg[i] = v.size * float32(math.Sin(float64(i)))
		}
		laws = append(laws, lawAfter(m, xs))
	}
	if d := distance(laws[0], lawAfter(plain, xs)); d != 0 {
		t.Errorf("segments of zeros change a probability by %v", d)
	}
	if d := distance(laws[1], laws[2]); d < 1e-4 {
		t.Errorf("a beginning of 5 symbols for one of 4 changes a probability by %v only", d)
	}
}

// TestSegmentInTraining: a training window is marked by its place in the document,
// as scoring marks it.
func TestSegmentInTraining(t *testing.T) {
	c := small()
	c.Segment, c.Prompt = 20, 2
	tr := newTrainer(newModel(*c, 40), 1, predictors.Data{})
	defer tr.team.close()
	doc := make([]predictors.Symbol, 40)
	for i := range doc {
		doc[i] = predictors.Symbol(i)
	}
	for _, prompts := range []bool{false, true} {
		if prompts {
			tr.turnToPrompt(predictors.Data{})
		}
		for at := range 30 {
			s := &tr.shards[0]
			s.clear()
			tr.push(s, window{xs: doc[at : at+10], at: at})
			for i, id := range s.ids {
				if got, want := i < s.segs[0].opening, id >= 40 || id < 20; got != want {
					t.Fatalf("window from %d, prompt %v: symbol %d marked as the beginning: %v", at, prompts, id, got)
				}
			}
		}
	}
}

// TestPromptResumes: broken off in the training of the model or in that of the
// prompt, a training ends with the bits of an undisturbed one.
func TestPromptResumes(t *testing.T) {
	c, d := resumable()
	c.Prompt, c.PromptSteps = 2, 8
	whole, curve, err := train(t, c, d)
	if err != nil {
		t.Fatal(err)
	}
	for looks := range curve {
		d.Checkpoint = &shelf{}
		p := newTransformer(newModel(*c, 2), 1)
		p.initialize(1)
		ctx, cancel := context.WithCancel(context.Background())
		seen := 0
		err := p.Fit(ctx, d, func(r predictors.Progress) {
			if r.Metric == "" {
				return
			}
			if seen++; seen > looks {
				cancel()
			}
		})
		if again, _, err := train(t, c, d); err != nil {
			t.Fatal(err)
		} else if !slices.Equal(again.params, whole.params) || again.prompted != whole.prompted {
			t.Errorf("broken off behind point %d of the curve: other bits than of a whole training", looks+1)
		}
		if cancel(); looks < len(curve)-2 && err == nil {
			t.Errorf("was not broken off behind point %d of the curve", looks+1)
		}
	}
}

// TestBeamSearch: a beam as wide as there are prefixes finds the best prompt of
// two symbols, and one of width one the best second behind the best first.
func TestBeamSearch(t *testing.T) {
	const A = 4
	docs := registers(30, true, rand.New(rand.NewPCG(75, 1)))
	for _, width := range []int{1, A} {
		c := small()
		c.Window, c.Stride, c.Prompt, c.PromptBeam = 8, 4, 2, width
		p := newTransformer(randomModel(*c, A, rand.New(rand.NewPCG(75, 2))), 1)
		tr := newTrainer(p.model, 1, predictors.Data{})
		tr.team.close()
		tr.team = nil
		tr.turnToPrompt(predictors.Data{Valid: docs})
		loss := func(symbols ...int) float64 { return tr.bitsAfter(symbols) }
		want, least := []int32{0, 0}, math.Inf(1)
		first, alone := 2, loss(2)
		if loss(3) < alone {
			first = 3
		}
		for _, a := range []int{2, 3} { // the symbols of the text
			for _, b := range []int{2, 3} {
				if l := loss(a, b); l < least && (width > 1 || a == first) {
					want, least = []int32{int32(a), int32(b)}, l
				}
			}
		}
		if err := p.search(context.Background(), tr, docs, func(predictors.Progress) {}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.found, want) || p.prompted.Best != least {
			t.Errorf("beam of %d: found %v at %v bits, want %v at %v", width, p.found, p.prompted.Best, want, least)
		}
	}
}
