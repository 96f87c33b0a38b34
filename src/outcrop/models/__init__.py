"""Chips → predictions: networks and losses (torch, for learning), runtime and package (ONNX, for use)."""
