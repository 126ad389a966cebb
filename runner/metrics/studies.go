package metrics

// Studies are the kinds of study, in the order of tables.
var Studies = []StudyKind{
	truncationKind,
	calibrationKind,
	mutualKind,
	convergenceKind,
	driftKind,
	forgettingKind,
	noveltyKind,
	scalingKind,
	recursionKind,
	machineKind,
}
