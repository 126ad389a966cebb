package markov

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"horizon/corpora/corporatest"
	"horizon/predictors"
)

// slowPPM is the definition: strings to counts, and the formulas as they
// stand.
type slowPPM struct {
	PPMConfig
	escapeRule
	a     int
	count map[string]map[int]int // count[c][x]
	known map[string]bool        // contexts
	past  []rune
	occur map[string]int // if not nil: how often each string has occurred, and strings with the same occurrences are one context
}

func newSlowPPM(c PPMConfig, r escapeRule, a int) *slowPPM {
	return &slowPPM{PPMConfig: c, escapeRule: r, a: a, count: map[string]map[int]int{}, known: map[string]bool{"": true}}
}

// chain lists the contexts from the longest down, the empty one last.
func (s *slowPPM) chain() (cs []string) {
	for k := min(s.Depth, len(s.past)); k >= 0; k-- {
		if c := spell(s.past[len(s.past)-k:]); s.known[c] {
			cs = append(cs, c)
		}
	}
	return cs
}

// coders lists the contexts that a symbol is looked for in, one after the
// other.
func (s *slowPPM) coders() (cs []string) {
	for _, c := range s.chain() {
		if len(s.count[c]) > 0 {
			cs = append(cs, c)
		}
	}
	if s.Start == "deterministic" {
		for i := len(cs) - 1; i >= 0; i-- { // from the shortest up
			if len(s.count[cs[i]]) == 1 {
				return cs[i:]
			}
		}
	}
	return cs
}

// blended is the sum over the contexts that remain of the chain.
func (s *slowPPM) blended(x int, contexts []string) float64 {
	if len(contexts) == 0 {
		return 1 / float64(s.a)
	}
	n, u := 0, 0
	for _, k := range s.count[contexts[0]] {
		n, u = n+k, u+1
	}
	escape := s.alpha + s.gamma*float64(u)
	own := max(float64(s.count[contexts[0]][x])-s.beta, 0)
	if s.count[contexts[0]][x] == 0 {
		own = 0
	}
	return (own + escape*s.blended(x, contexts[1:])) / (float64(n) - s.beta*float64(u) + escape)
}

// raw is the probability of x before what exclusion "none" loses is made good.
func (s *slowPPM) raw(x int) float64 {
	if s.Exclusion == "blend" {
		cs := s.coders()
		if s.occur != nil {
			cs = slices.CompactFunc(cs, func(c, d string) bool { return s.occur[c] == s.occur[d] })
		}
		return s.blended(x, cs)
	}
	p := 1.0
	ruled := map[int]bool{}
	for _, c := range s.coders() {
		n, u, allN, allU := 0, 0, 0, 0
		for y, k := range s.count[c] {
			allN, allU = allN+k, allU+1
			if !ruled[y] {
				n, u = n+k, u+1
			}
		}
		if u == 0 {
			continue
		}
		last := u == s.a-len(ruled) // no symbol is left to escape to
		escaping := u
		if s.Exclusion != "full" {
			escaping = allU
		}
		if s.Exclusion == "none" {
			n, u = allN, allU
		}
		escape := s.alpha + s.gamma*float64(escaping)
		if last {
			escape = 0
		}
		d := float64(n) - s.beta*float64(u) + escape
		if k := s.count[c][x]; k > 0 {
			return p * (float64(k) - s.beta) / d
		}
		p *= escape / d
		for y := range s.count[c] {
			ruled[y] = true
		}
	}
	if s.Exclusion == "none" {
		return p / float64(s.a)
	}
	return p / float64(s.a-len(ruled))
}

func (s *slowPPM) predict() []float64 {
	q, sum := make([]float64, s.a), 0.0
	for x := range q {
		q[x] = s.raw(x)
		sum += q[x]
	}
	if s.Exclusion == "none" {
		for x := range q {
			q[x] /= sum
		}
	}
	return q
}

// closed cuts the past down to its longest suffix that is the longest string
// with its occurrences.
func (s *slowPPM) closed() {
	for _, c := range s.chain() {
		longest := true
		for z := range s.a {
			longer := spell(runes(symbols{predictors.Symbol(z)})) + c
			longest = longest && s.occur[longer] != s.occur[c]
		}
		if longest {
			s.past = []rune(c)
			return
		}
	}
}

func (s *slowPPM) learn(x predictors.Symbol) {
	if s.occur != nil {
		s.closed() // where the past was learned it is
	}
	coder := ""
	for _, c := range s.coders() {
		if s.count[c][int(x)] > 0 {
			coder = c
			break
		}
	}
	for _, c := range s.chain() {
		if len(c) < len(coder) && s.UpdateExclusion && (s.occur == nil || s.occur[c] != s.occur[coder]) {
			break
		}
		if s.count[c] == nil {
			s.count[c] = map[int]int{}
		}
		s.count[c][int(x)]++
		if r := []rune(c); len(r) < s.Depth {
			s.known[c+spell(runes(symbols{x}))] = true
		}
	}
	s.observe(x)
	if s.occur != nil {
		for _, c := range s.chain() {
			s.occur[c]++
		}
	}
}

func (s *slowPPM) observe(x predictors.Symbol) {
	c := s.chain()[0] // what is not known ends the context
	s.past = append([]rune(c), runes(symbols{x})...)
}

// A ppmTwin is a definition to compare with.
type ppmTwin interface {
	predict() []float64
	learn(predictors.Symbol)
	observe(predictors.Symbol)
}

// compareTwins learns, observes and resets, and compares all probabilities
// on the way.
func compareTwins(t *testing.T, name string, p predictors.Predictor, want ppmTwin, reset func(), xs symbols, mixed bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	q := make([]float64, p.Alphabet())
	for i, x := range xs {
		if i%97 == 96 {
			p.Reset()
			reset()
		}
		p.Predict(q)
		exact, sum := want.predict(), 0.0
		for y := range q {
			sum += q[y]
			if math.Abs(q[y]-exact[y]) > 1e-12 {
				t.Fatalf("%s: after %d symbols P(%d) = %v, want %v", name, i, y, q[y], exact[y])
			}
			if got := p.(predictors.Prober).Prob(predictors.Symbol(y)); got != q[y] {
				t.Fatalf("%s: after %d symbols Prob(%d) = %v, Predict says %v", name, i, y, got, q[y])
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Fatalf("%s: after %d symbols probabilities sum to %v", name, i, sum)
		}
		if mixed && i%97 > 60 && rng.IntN(3) > 0 {
			p.Observe(x)
			want.observe(x)
		} else {
			p.(predictors.Learner).Learn(x)
			want.learn(x)
		}
	}
}

func mustPPM(t testing.TB, c PPMConfig, a int) *ppm {
	t.Helper()
	if c.Exclusion == "" {
		c.Exclusion = "full"
	}
	if c.Start == "" {
		c.Start = "longest"
	}
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*ppm)
}

func TestPPMEqualsItsDefinition(t *testing.T) {
	escapes, next := []string{"A", "C", "D", "PUB", "free"}, 0
	for _, a := range []int{1, 2, 5, 40} {
		for _, depth := range []int{0, 1, 4} {
			for _, exclusion := range []string{"full", "counts", "none", "blend"} {
				for _, start := range []string{"longest", "deterministic"} {
					for _, update := range []bool{true, false} {
						c := PPMConfig{Depth: depth, Escape: escapes[next%5], Exclusion: exclusion, UpdateExclusion: update, Start: start}
						if c.Escape == "free" {
							c.Alpha, c.Beta = 4, -0.05
						}
						next++
						p := mustPPM(t, c, a)
						xs := babble(rand.New(rand.NewPCG(uint64(a), uint64(next))), a, 200)
						want := newSlowPPM(c, p.rule, a)
						compareTwins(t, fmt.Sprintf("A = %d, %+v", a, c), p, want, func() { want.past = nil }, xs, true)
					}
				}
			}
		}
	}
}

// Contexts with many successors are searched in other ways than small ones.
func TestPPMOverALargeAlphabet(t *testing.T) {
	const a = 65536
	c := PPMConfig{Depth: 2, Escape: "PUB", Exclusion: "full", UpdateExclusion: true, Start: "longest"}
	p := mustPPM(t, c, a)
	want := newSlowPPM(c, p.rule, a)
	rng := rand.New(rand.NewPCG(3, 3))
	xs := make(symbols, 6000)
	for i := range xs {
		xs[i] = predictors.Symbol(65535 - rng.IntN(30)*rng.IntN(40))
		if i%2 == 1 {
			xs[i] = 5 // followed by hundreds of symbols
		}
	}
	q := make([]float64, a)
	for i, x := range xs {
		if got, exact := p.Prob(x), want.raw(int(x)); math.Abs(got-exact) > 1e-12 {
			t.Fatalf("after %d symbols P(%d) = %v, want %v", i, x, got, exact)
		}
		if i%500 == 499 {
			p.Predict(q)
			sum := 0.0
			for y, v := range q {
				sum += v
				if v <= 0 || y > 64000 && p.Prob(predictors.Symbol(y)) != v {
					t.Fatalf("after %d symbols P(%d) = %v, Prob %v", i, y, v, p.Prob(predictors.Symbol(y)))
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("probabilities sum to %v", sum)
			}
		}
		p.Learn(x)
		want.learn(x)
	}
	var b bytes.Buffer
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	r := mustPPM(t, c, a)
	if err := predictors.Load(&b, r); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	for _, x := range xs[:1000] {
		if p.Prob(x) != r.Prob(x) {
			t.Fatal("the model read back predicts differently")
		}
		p.Observe(x)
		r.Observe(x)
	}
}

// letters maps a text to symbols 0, 1, … for a, b, ….
func letters(text, alphabet string) (xs symbols) {
	for _, r := range text {
		xs = append(xs, predictors.Symbol(strings.IndexRune(alphabet, r)))
	}
	return xs
}

// Begleiter, El-Yaniv & Yona 2004, section 3.2 and figure 1: PPM-C of depth 2
// trained on abracadabra gives d after ra 1/2 · 1/7 without exclusion and
// 1/2 · 1/6 with it, c's count going and the number of different symbols
// staying. With that number recomputed it is 1/2 · 1/5.
func TestPPMWorkedExample(t *testing.T) {
	for _, c := range []struct {
		exclusion string
		want      float64
	}{{"none", 1. / 14}, {"counts", 1. / 12}, {"full", 1. / 10}} {
		p := mustPPM(t, PPMConfig{Depth: 2, Escape: "C", Exclusion: c.exclusion}, 5)
		for _, x := range letters("abracadabra", "abcdr") {
			p.Learn(x)
		}
		p.Reset()
		for _, x := range letters("ra", "abcdr") {
			p.Observe(x)
		}
		got := p.Prob(3)
		if c.exclusion == "none" {
			// c keeps 1/2; of the rest a gives b and d 3/7 and escapes with
			// 3/7, of which a and r get 7/11; the others' 4/11 were given
			// before. Our division by the sum undone:
			got *= 1./2 + 1./2*(3./7+3./7*7./11)
		}
		if math.Abs(got-c.want) > 1e-15 {
			t.Errorf("exclusion %q: P(d|ra) = %v, want %v", c.exclusion, got, c.want)
		}
	}
}

// corpusFile reads a text of the shared corpora and checks that it is the one
// meant, if its digest is given.
func corpusFile(t testing.TB, name, digest string) []byte {
	t.Helper()
	text := corporatest.Read(t, name)
	checkDigest(t, text, digest)
	return text
}

func toSymbols(text []byte) symbols {
	xs := make(symbols, len(text))
	for i, b := range text {
		xs[i] = predictors.Symbol(b)
	}
	return xs
}

// learnBits is the loss, in bits, of learning xs from where p is.
func learnBits(p predictors.Predictor, xs symbols) (sum float64) {
	bits := make([]float64, len(xs))
	if err := predictors.ScoreLearning(p, bits, nil, xs); err != nil {
		panic(err)
	}
	for _, b := range bits {
		sum += b
	}
	return sum
}

// withEnd is a text of bytes with its end marked by symbol 256.
func withEnd(text []byte) symbols { return append(toSymbols(text), 256) }

var canterburyFiles = []struct {
	name, digest string
	bytes        int    // of method PUB
	hb, p5b, pub string // bits per byte
}{
	{"alice29.txt", "7467306ee0feed49", 41875, "4.573", "2.173", "2.203"},
	{"asyoulik.txt", "eaa3526fe53859f3", 39149, "4.814", "2.457", "2.502"},
	{"cp.html", "e0cd21cef5b6c406", 7111, "5.265", "2.305", "2.312"},
	{"fields.c", "85d73e354cc50cec", 2889, "5.086", "2.085", "2.073"},
	{"grammar.lsp", "1b0805dfc0ae706b", 1120, "4.812", "2.402", "2.408"},
	{"kennedy.xls", "9af47239ca29dfe2", 204149, "3.576", "1.503", "1.586"},
	{"lcet10.txt", "5314ba1dbb03f471", 103782, "4.671", "1.922", "1.946"},
	{"plrabn12.txt", "07e2e0b461af78c7", 142412, "4.533", "2.302", "2.364"},
	{"ptt5", "0ec3a75089bb5234", 52845, "1.213", "0.821", "0.824"},
	{"sum", "ee5733cd76ecc2f9", 13068, "5.391", "2.743", "2.734"},
	{"xargs.1", "c58aeb5d2d1e1275", 1581, "5.057", "2.977", "2.992"},
}

// Gleave 2016, from the tables published with the program:
// compressed sizes of the Canterbury corpus, to the byte and to every digit
// printed. An end mark is coded, hence 257 symbols. HB is the adaptive
// order-0 code P = (n_x + 1/257)/(N + 1).
func TestPPMOnCanterbury(t *testing.T) {
	for _, f := range canterburyFiles {
		text := corpusFile(t, "canterbury/"+f.name, f.digest)
		for _, c := range []struct {
			name, escape string
			depth        int
			want         string
		}{{"HB", "A", 0, f.hb}, {"P5B", "P5B", 5, f.p5b}, {"PUB", "PUB", 6, f.pub}} {
			exclusion := "full"
			if c.name == "HB" {
				exclusion = "blend"
			}
			p := mustPPM(t, PPMConfig{Depth: c.depth, Escape: c.escape, Exclusion: exclusion, UpdateExclusion: true}, 257)
			size := math.Ceil(learnBits(p, withEnd(text)) / 8)
			got := fmt.Sprintf("%.3f", 8*size/float64(len(text)))
			// Of HB only the rounded figures are known, and one of them is a
			// byte more.
			if almost := fmt.Sprintf("%.3f", 8*(size+1)/float64(len(text))); got != c.want && (c.name != "HB" || almost != c.want) {
				t.Errorf("%s %s: %s bits per byte, Gleave has %s", f.name, c.name, got, c.want)
			}
			if c.name == "PUB" && int(size) != f.bytes {
				t.Errorf("%s: %v bytes, Gleave has %d", f.name, size, f.bytes)
			}
		}
	}
}

// Gleave 2016, the α and β that serve a file best at depth 0, 1, …, 9, and
// the bits per byte that they reach. These are whole numbers of bits, as an
// arithmetic coder wrote them.
var gleaveOptima = map[string][10][3]string{
	"alice29.txt": {
		{"5.32412109375", "-0.0047265625", "4.57230963449"},
		{"2.32222222222", "0.1045", "3.46656234179"},
		{"0.802083333333", "0.215875", "2.6827186713"},
		{"0.3625", "0.30525", "2.26111684606"},
		{"0.22265625", "0.3678984375", "2.16843427204"},
		{"0.122496032715", "0.403536924362", "2.17257658345"},
		{"0.0625203450521", "0.423208282471", "2.20246697657"},
		{"0.0121327718099", "0.442322410583", "2.2336526639"},
		{"-0.0141804960039", "0.451864536285", "2.25719808796"},
		{"-0.0242734379239", "0.454191352844", "2.27598971655"},
	},
	"asyoulik.txt": {
		{"7.35", "-0.0035625", "4.81352303501"},
		{"2.1328125", "0.0804375", "3.47258725505"},
		{"0.661111111111", "0.231", "2.76474488532"},
		{"0.424251302083", "0.308923828125", "2.47236357536"},
		{"0.31015625", "0.3720234375", "2.42326588326"},
		{"0.211740620931", "0.414083633423", "2.45538788455"},
		{"0.149343903859", "0.434605250359", "2.49738374648"},
		{"0.10679596795", "0.451842002869", "2.52987322155"},
		{"0.097458797031", "0.455267124176", "2.55010025643"},
		{"0.0910626941257", "0.455403499603", "2.56215499405"},
	},
	"lcet10.txt": {
		{"19.6038595676", "-0.209136165619", "4.67103764698"},
		{"2.93888888889", "0.077", "3.52321946602"},
		{"0.748611111111", "0.2145", "2.73117768082"},
		{"0.320255533854", "0.290973632812", "2.15023409271"},
		{"0.146746571859", "0.358245826721", "1.9431147687"},
		{"0.0526980333858", "0.401442837715", "1.91984843727"},
		{"-0.0146377470758", "0.430280527234", "1.94384118251"},
		{"-0.0644747263889", "0.452568359375", "1.97863640411"},
		{"-0.0977159288194", "0.466860839844", "2.00922779868"},
		{"-0.11220703125", "0.472215820313", "2.03453746186"},
	},
	"plrabn12.txt": {
		{"2.81111111111", "0.1045", "4.53303546043"},
		{"1.72916666667", "0.0825", "3.381881912"},
		{"1.10387912326", "0.150965332031", "2.79602208936"},
		{"0.614398871528", "0.226423828125", "2.3944041954"},
		{"0.38076578776", "0.303985107422", "2.27950799089"},
		{"0.261267089844", "0.359989837646", "2.30197090032"},
		{"0.175158691406", "0.400041412354", "2.36335167196"},
		{"0.122042020162", "0.429091337442", "2.42188099888"},
		{"0.0993572920561", "0.444404056907", "2.46419403106"},
		{"0.0897905409336", "0.451915783286", "2.49010606793"},
	},
}

func TestPPMOptima(t *testing.T) {
	for _, f := range canterburyFiles {
		rows, ok := gleaveOptima[f.name]
		if !ok {
			continue
		}
		text := corpusFile(t, "canterbury/"+f.name, f.digest)
		for depth, row := range rows {
			if testing.Short() && depth%5 != 4 {
				continue
			}
			alpha, beta := number(t, row[0]), number(t, row[1])
			// Some β are below 0, and α + βU is above 0 for the U of the file
			// only: New would refuse them.
			p := newPPM(&PPMConfig{Depth: depth, UpdateExclusion: true}, escapeRule{alpha, beta, beta}, excludeFull, false, 257)
			got, n := math.Ceil(learnBits(p, withEnd(text))), float64(len(text))
			coded := math.Round(number(t, row[2]) * n)
			if digits := strings.Index(row[2], "."); fmt.Sprintf("%.*f", len(row[2])-digits-1, coded/n) != row[2] {
				t.Fatalf("%s: %s bits per byte is no whole number of bits", f.name, row[2])
			}
			slack := 0.0
			if f.name == "lcet10.txt" && (depth == 0 || depth == 7) {
				slack = 1 // where the coder's rounding shows
			}
			if math.Abs(coded-got) > slack {
				t.Errorf("%s, depth %d: %v bits, Gleave has %v", f.name, depth, got, coded)
			}
		}
	}
}

func number(t testing.TB, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustStar(t testing.TB, c PPMStarConfig, a int) *ppmStar {
	t.Helper()
	p, err := c.New(predictors.Env{Alphabet: a})
	if err != nil {
		t.Fatal(err)
	}
	return p.(*ppmStar)
}

// PPM* is PPM of a depth that is never reached, over classes of contexts.
func TestPPMStarEqualsItsDefinition(t *testing.T) {
	escapes, next := []string{"A", "C", "D"}, 0
	for _, a := range []int{1, 2, 7} {
		for _, exclusion := range []string{"full", "counts", "none", "blend"} {
			for _, start := range []string{"longest", "deterministic"} {
				for _, update := range []bool{true, false} {
					c := PPMStarConfig{Escape: escapes[next%3], Exclusion: exclusion, UpdateExclusion: update, Start: start}
					next++
					testPPMStar(t, c, a, babble(rand.New(rand.NewPCG(uint64(a), uint64(next))), a, 160))
				}
			}
		}
	}
}

func testPPMStar(t *testing.T, c PPMStarConfig, a int, xs symbols) {
	p := mustStar(t, c, a)
	copy(xs[50:80], xs[20:50]) // a long repetition
	want := newSlowPPM(PPMConfig{Depth: 1000, Exclusion: c.Exclusion, UpdateExclusion: c.UpdateExclusion, Start: c.Start}, p.rule, a)
	want.occur = map[string]int{"": 1} // before any symbol
	name := fmt.Sprintf("A = %d, %+v", a, c)
	compareTwins(t, name, p, want, func() { want.past = nil }, xs, true)
	// And then, without learning, over another text.
	p.Reset()
	want.past = nil
	q := make([]float64, a)
	for i, x := range babble(rand.New(rand.NewPCG(9, 9)), a, 60) {
		p.Predict(q)
		for y, exact := range want.predict() {
			if math.Abs(q[y]-exact) > 1e-12 {
				t.Fatalf("%s: frozen, after %d symbols P(%d) = %v, want %v", name, i, y, q[y], exact)
			}
		}
		p.Observe(x)
		want.observe(x)
	}
}

// The figures of Cleary & Teahan 1997 as remembered, not read: hence the wide
// berth. (Bunton 1997 has 2.339 for their mean, ours is 2.300.)
func TestPPMStarOnCalgary(t *testing.T) {
	for _, f := range []struct {
		name, digest string
		want         float64
	}{{"bib", "0f1a13936e35", 1.91}, {"paper1", "8d9c42d9fa58", 2.37}, {"progc", "151377a9d6aa", 2.40}, {"progl", "9388db0cfb71", 1.67}} {
		xs := toSymbols(corpusFile(t, "calgary/"+f.name, f.digest))
		got := learnBits(mustStar(t, *DefaultPPMStar().(*PPMStarConfig), 256), xs) / float64(len(xs))
		if math.Abs(got-f.want) > 0.06 {
			t.Errorf("%s: %.3f bits per byte, want about %.2f", f.name, got, f.want)
		}
	}
}

func TestPPMConfigErrors(t *testing.T) {
	ppm := func(edit func(*PPMConfig)) *PPMConfig {
		c := *DefaultPPM().(*PPMConfig)
		edit(&c)
		return &c
	}
	for _, c := range []struct {
		c    predictors.Config
		a    int
		want string
	}{
		{ppm(func(c *PPMConfig) {}), 0, "ppm: alphabet size = 0, want 1 to 65536"},
		{ppm(func(c *PPMConfig) { c.Depth = -1 }), 2, "ppm: depth = -1, want 0 to 64"},
		{ppm(func(c *PPMConfig) { c.Depth = 65 }), 2, "ppm: depth = 65, want 0 to 64"},
		{ppm(func(c *PPMConfig) { c.Escape = "B" }), 2, `ppm: escape = "B", want "A", "C", "D", "PUB", "P5B" or "free"`},
		{ppm(func(c *PPMConfig) { c.Beta = 0.5 }), 2, `ppm: alpha = 0 and beta = 0.5 with escape = "P5B", want escape = "free" to set them`},
		{ppm(func(c *PPMConfig) { c.Escape, c.Beta = "free", 1 }), 2, "ppm: beta = 1, want above -1 and below 1"},
		{ppm(func(c *PPMConfig) { c.Escape, c.Beta = "free", math.NaN() }), 2, "ppm: beta = NaN, want above -1 and below 1"},
		{ppm(func(c *PPMConfig) { c.Escape = "free" }), 2, "ppm: alpha + beta·U = 0 for some U below the alphabet size, want above 0 (and alpha below 1e9)"},
		{ppm(func(c *PPMConfig) { c.Escape, c.Alpha, c.Beta = "free", 1, -0.25 }), 9, "ppm: alpha + beta·U = -1 for some U below the alphabet size, want above 0 (and alpha below 1e9)"},
		{ppm(func(c *PPMConfig) { c.Escape, c.Alpha, c.Beta = "free", math.Inf(1), 0.5 }), 9, "ppm: alpha + beta·U = +Inf for some U below the alphabet size, want above 0 (and alpha below 1e9)"},
		{ppm(func(c *PPMConfig) { c.Exclusion = "some" }), 2, `ppm: exclusion = "some", want "full", "counts", "none" or "blend"`},
		{ppm(func(c *PPMConfig) { c.Start = "" }), 2, `ppm: start = "", want "longest" or "deterministic"`},
		{&PPMStarConfig{Escape: "E"}, 2, `ppm-star: escape = "E", want "A", "C", "D", "PUB", "P5B" or "free"`},
		{&PPMStarConfig{Escape: "C"}, 2, `ppm-star: exclusion = "", want "full", "counts", "none" or "blend"`},
		{&PPMStarConfig{Escape: "C", Exclusion: "full"}, 2, `ppm-star: start = "", want "longest" or "deterministic"`},
		{&PPMVMMConfig{}, 2, "ppm-c-vmm: depth = 0, want 1 to 64"},
	} {
		if _, err := c.c.New(predictors.Env{Alphabet: c.a}); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %s", c.c, err, c.want)
		}
	}
}

// Whatever bytes of a file are changed, reading ends, and what it accepts
// predicts probabilities and goes on learning.
func TestPPMDamagedFilesAreRefused(t *testing.T) {
	for _, c := range []predictors.Config{TinyPPM(), TinyPPMStar(), TinyPPMVMM()} {
		fresh := func() predictors.Predictor {
			p, err := c.New(predictors.Env{Alphabet: 4})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := fresh()
		for _, x := range babble(rand.New(rand.NewPCG(1, 1)), 4, 300) {
			p.(predictors.Learner).Learn(x)
		}
		var b bytes.Buffer
		if err := predictors.Save(&b, p); err != nil {
			t.Fatal(err)
		}
		rng, accepted := rand.New(rand.NewPCG(2, 2)), 0
		for range 400 {
			damaged := slices.Clone(b.Bytes())
			for range 1 + rng.IntN(2) {
				damaged[rng.IntN(len(damaged))] ^= byte(1 << rng.IntN(8))
			}
			q := fresh()
			if predictors.Load(bytes.NewReader(damaged), q) != nil {
				continue
			}
			accepted++
			probs := make([]float64, 4)
			for i := range 60 {
				q.Predict(probs)
				if sum := probs[0] + probs[1] + probs[2] + probs[3]; !(math.Abs(sum-1) < 1e-9) {
					t.Fatalf("%T: a damaged file is accepted and gives probabilities %v", c, probs)
				}
				if i < 30 {
					q.Observe(predictors.Symbol(rng.IntN(4)))
				} else {
					q.(predictors.Learner).Learn(predictors.Symbol(rng.IntN(4)))
				}
			}
		}
		t.Logf("%T: %d of 400 damaged files are accepted", c, accepted)
	}
	var b bytes.Buffer
	p := mustPPM(t, PPMConfig{Depth: 3, Escape: "D"}, 4)
	for _, x := range babble(rand.New(rand.NewPCG(1, 1)), 4, 300) {
		p.Learn(x)
	}
	if err := predictors.Save(&b, p); err != nil {
		t.Fatal(err)
	}
	if predictors.Load(bytes.NewReader(b.Bytes()), mustPPM(t, PPMConfig{Depth: 4, Escape: "D"}, 4)) == nil {
		t.Error("a model of depth 3 is read as one of depth 4")
	}
}

func TestPPMForksDoNotLearn(t *testing.T) {
	for _, c := range []predictors.Config{TinyPPM(), TinyPPMStar(), TinyPPMVMM()} {
		p, err := c.New(predictors.Env{Alphabet: 2})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T: a fork learned", c)
				}
			}()
			p.Fork().(predictors.Learner).Learn(0)
		}()
	}
}

// The cost of a symbol of English at order 5, from nothing.
func BenchmarkPPM(b *testing.B) {
	xs := opticks(b)
	for _, c := range []struct {
		name   string
		config predictors.Config
	}{{"ppm", DefaultPPM()}, {"ppm-star", DefaultPPMStar()}, {"ppm-c-vmm", DefaultPPMVMM()}} {
		var p predictors.Predictor
		fresh := func(b *testing.B) {
			var err error
			if p, err = c.config.New(predictors.Env{Alphabet: 256}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(c.name+"/prob+learn", func(b *testing.B) {
			b.SetBytes(1)
			for i := 0; b.Loop(); i++ {
				if i%len(xs) == 0 {
					fresh(b)
				}
				p.(predictors.Prober).Prob(xs[i%len(xs)])
				p.(predictors.Learner).Learn(xs[i%len(xs)])
			}
			size, _ := predictors.Size(p)
			b.ReportMetric(float64(size), "model-bytes")
		})
		fresh(b)
		for _, x := range xs[:453758] {
			p.(predictors.Learner).Learn(x)
		}
		p.Reset()
		test := xs[453758:]
		b.Run(c.name+"/prob+observe", func(b *testing.B) {
			b.SetBytes(1)
			for i := 0; b.Loop(); i++ {
				p.(predictors.Prober).Prob(test[i%len(test)])
				p.Observe(test[i%len(test)])
			}
		})
		b.Run(c.name+"/predict+observe", func(b *testing.B) {
			b.SetBytes(1)
			q := make([]float64, 256)
			for i := 0; b.Loop(); i++ {
				p.Predict(q)
				p.Observe(test[i%len(test)])
			}
		})
	}
}
