"""The `tagger` command: one module per group of commands, with heavy imports inside the functions."""
