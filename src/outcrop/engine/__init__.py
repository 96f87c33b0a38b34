"""The corridor every room shares: windows, canvas, predict, augment, train, tune, evaluate."""
