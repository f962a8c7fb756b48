"""How good a bundle is, measured."""
