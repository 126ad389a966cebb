package transformer

import (
	"math"
	"math/rand/v2"
	"testing"

	"horizon/predictors"
)

// golden is what PyTorch 1.13.1 computes in float64 for the training of
// goldenTrainer: before each step the loss in nats, the norm of the gradient and
// Σ g_i cos(i) over the parameters in the order of weights, matrices transposed
// to ours. The first weights and the windows were written out by this test; the
// model was built of nanoGPT's Block and LayerNorm (commit 3adf61e, with GELU in
// its tanh form), an embedding of A + 1 rows whose first A are the output head,
// and torch.optim.AdamW behind clip_grad_norm_, at the rates of learningRate
// computed there.
var golden = []struct{ nats, norm, projection float64 }{
	{1.6799048, 3.8888505, -5.1252324},
	{1.5686022, 1.6606569, -1.0193871},
	{1.7645109, 1.5008069, 0.0063757},
	{1.6186744, 1.0560281, -0.3788575},
	{1.6854599, 1.1111553, -0.6663698},
	{1.5934801, 0.2816426, -0.0845205},
	{1.6363579, 0.5315006, -0.4010756},
	{1.6254765, 0.7297474, -0.2096977},
	{1.5387532, 0.5139802, -0.1606708},
	{1.4943680, 0.2900877, 0.0544346},
	{1.6915337, 0.6645645, -0.2796470},
	{1.6919785, 0.5548102, -0.3597067},
	{1.7827534, 0.8140972, -0.5195618},
	{1.7053198, 0.6596257, -0.5082912},
	{1.7349298, 0.8666527, -0.6357805},
	{1.7233247, 0.6863939, -0.3447760},
	{1.6394730, 0.4640638, 0.1370109},
	{1.6199541, 0.3002006, -0.2605012},
	{1.6005768, 0.3782115, 0.2078273},
	{1.6849472, 0.6692073, -0.6591541},
	{1.6127526, 0.3463204, 0.0172313},
	{1.5500661, 0.6725005, 0.6989281},
	{1.6245236, 0.4493550, -0.1281558},
	{1.5413495, 0.3470924, 0.2883046},
}

// goldenTrainer is a tiny model about to be trained, with windows that begin a
// document, some of them short, and a gradient that is clipped in most steps.
func goldenTrainer(t *testing.T) *trainer {
	c := small()
	c.Layers, c.Width, c.Window, c.Stride, c.Batch = 2, 8, 8, 4, 3
	c.Steps, c.Warmup, c.LearningRate, c.Clip = len(golden), 4, 2e-2, 0.6
	p, err := c.New(predictors.Env{Alphabet: 5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	xs := randomSymbols(200, 5, rand.New(rand.NewPCG(51, 52)))
	return newTrainer(p.(*Transformer).model, 1, predictors.Data{Train: [][]predictors.Symbol{xs, xs[:5]}})
}

// TestTrajectory: a whole training, optimizer and all, is that of another
// program. Adam divides by the root of the second moment, which makes much of
// the rounding of float32 where gradients are small: hence the tolerance.
func TestTrajectory(t *testing.T) {
	tr := goldenTrainer(t)
	defer tr.team.close()
	clipped, worst := 0, 0.0
	for step, want := range golden {
		nats := tr.advance()
		squares, projection := 0.0, 0.0
		for i, g := range tr.shards[0].grads {
			g := float64(g) // as it was before clipping
			squares += g * g
			projection += g * math.Cos(float64(i))
		}
		if tr.clip < 1 {
			clipped++
		}
		for _, v := range []struct {
			name      string
			got, want float64
		}{{"loss", nats, want.nats}, {"norm", math.Sqrt(squares), want.norm}, {"projection", projection, want.projection}} {
			worst = math.Max(worst, math.Abs(v.got-v.want))
			if math.Abs(v.got-v.want) > 5e-6 {
				t.Errorf("step %d: %s = %.7f, want %.7f", step+1, v.name, v.got, v.want)
			}
		}
	}
	if clipped == 0 || clipped == len(golden) {
		t.Errorf("clipped steps = %d of %d, want some", clipped, len(golden))
	}
	t.Logf("largest difference %.1e", worst)
}
