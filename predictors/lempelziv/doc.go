// Package lempelziv holds predictors built on Lempel & Ziv's idea: what comes
// next is what came after the same string before, in a tree of phrases (LZ78
// and its kin) or in the text itself (LZ77 and its kin).
//
// # From LZ78 to a large model
//
// LZ78 predicts poorly, and asking why is claim C4 of the programme: which of
// its habits costs what? The kind "lz-blend" makes each a switch. Frozen, bits
// a symbol: tinyshakespeare (A = 65, 1,003,854 symbols learned, the rest the
// test), enwik7 (bytes, 9 MB learned, 1 MB test) and Go source (bytes, 9 MB
// learned, 1 MB test):
//
//	                                               shakespeare   enwik7   Go source
//	LZ78, its phrase's node, γ tuned                     3.589    3.605   3.713
//	same tree, longest suffix in it (γ .02, .005)        3.378    3.582   3.633
//	all suffixes, Witten-Bell                            2.690    2.577   2.892
//	all suffixes, discounts tuned                        2.472    2.349   2.508
//	a phrase from every symbol, Witten-Bell              2.823    2.721   3.354
//	a phrase from every symbol, discounts                2.272    2.178   2.406
//	counting novelties only, Witten-Bell                 2.511    2.331   2.586
//	counting novelties only, discounts                   2.166    1.994   2.163
//	and biases mixed into the escapes                    2.152    1.986   2.155
//	and two nodes a phrase                               2.139    1.960   2.137
//	and four                                             2.134    1.945   2.127
//
// So blending the suffixes at all is worth most, 0.7 to 1 bit; then the rule by
// which they are blended, 0.2 to 0.4; then knowing each suffix from a phrase of
// its own and not from where an earlier parse happened to cut, and counting in a
// short context only what a longer one did not foresee, 0.1 to 0.2 each (with
// discounts: Witten & Bell's rule takes more counts for surer ones and spoils
// the former). Choosing escapes by more than counts, mixing, adds 0.008 to
// 0.013: what is left there is small. Growing faster than Lempel & Ziv adds
// 0.01 to 0.03, at twice the nodes.
//
// # Growth
//
// Learning n symbols of enwik7 (frozen, bits on its last 10⁶ bytes; grow = 1
// and 2 with a phrase from every symbol, LZ78's tree with all suffixes and
// discounts):
//
//	    n   nodes, LZ78    bits   nodes, grow 1   nodes, grow 2    bits
//	  10⁵        22,900   3.423          99,600         196,000   2.890
//	3·10⁵        59,400   3.189         290,000         573,000   2.646
//	  10⁶       170,700   2.859         955,000       1,870,000   2.375
//	3·10⁶       457,000   2.607       2,850,000       5,560,000   2.164
//	9·10⁶     1,220,000   2.349       8,430,000      16,280,000   1.960
//
// and of 10⁸ bytes of program source, LZ78's tree: 1.26·10⁶ nodes at 10⁷ and
// 9.4·10⁶ at 10⁸; with a phrase from every symbol 7.8·10⁶ and
// 63·10⁶. Fitted to the first table by least squares of logarithms,
//
//	LZ78    0.85 n^0.884        grow 1    1.14 n^0.988        grow 2    2.37 n^0.983
//
// nodes. (LZ78's number would tend to n·h/log₂ n; a phrase from every symbol
// gives n nodes at most, less what the depth cuts off.) The bits at grow 2 fit
// h + c/log₂ n with h = −0.40: over two decades no asymptote shows, and what is
// extrapolated below is resources, not bits.
//
// # 10¹² symbols, on paper
//
// With grow 1 and depth 16 the law gives 8·10¹¹ nodes: 1.9 TB at rest in 2.4
// bytes each (8-bit counts), or 1.5 TB with 4-bit counts, which cost 0.003 bit.
// The law counts no saturation, though strings of 16 symbols recur in a text so
// long; it is an upper bound. LZ78's tree would have 4·10¹⁰ nodes, 84 GB.
//
//   - Growing: a node under growth takes 22 to 42 bytes of edges, 6 of listing
//     and 4 of suffix link. A shard of 10⁹ symbols takes 30 to 50 GB and, at
//     the measured 1.3 to 1.9 MB/s a core, 9 to 13 minutes; 1,000 shards are 150
//     to 210 core-hours: 32 machines of 128 GB with two cores busy do them in
//     three hours. (LZ78's parse goes 12 MB/s: 23 core-hours.)
//   - Merging: shards' listings sorted breadth first merge as streams, 10 TB
//     once through a disk at 1 GB/s on each of 32 machines: 5 minutes a pass
//     and a pass for each doubling, so an hour. Merging costs little: with 2
//     shards 0.003 bit on tinyshakespeare and on enwik7, since the tree
//     lacks what a string seen once in each would have grown; mixing the trees
//     costs 0.022 and 0.031. Growing by three nodes makes up for it.
//   - At rest: node numbers have 32 bits, so the tree is cut by the first two
//     symbols into subtrees of 4·10⁹ nodes, 10 GB each; all suffixes of a past
//     lie in up to depth of them. 200 files on 8 machines with 256 GB, mapped
//     into memory and read where needed; a symbol costs up to 16 messages, or
//     one round of them at once.
//   - A budget in its place: with max_bytes = 64 GB a single machine keeps the
//     2.7·10¹⁰ nodes that came most often. On tinyshakespeare a tree of grow 4
//     cut to a sixth of its nodes (2 MB) loses 0.012 bit.
package lempelziv
