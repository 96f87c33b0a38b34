"""The nouns: what a scene, a grid, an estimate and a task are. Needs numpy and affine only."""
