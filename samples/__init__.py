"""Sample images with their labels, and the demo on them."""
