"""Photographs as bytes -> upright RGB images -> arrays, the same in training and in serving."""
