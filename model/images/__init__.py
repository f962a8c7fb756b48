"""Images: bytes -> upright RGB -> arrays for the network, the same in training and in serving."""
