"""The `tagger` command: a module a group of verbs, heavy imports inside the verbs."""
