"""Real servers from wheels and the product's processes on them: for tests, `make bench` and `make stack`."""
