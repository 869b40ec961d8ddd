//! Loss landscapes of multi-layer perceptrons: permutation symmetry, saddles and zero-loss paths.
