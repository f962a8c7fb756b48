"""PROCESS: people settle the unsure, in a browser or by the JSON API; also images, metrics and health checks."""
