"""Benchmarks of what operators do with a large catalogue, and with a night that goes on."""
