"""`tagger` commands for tests, forked from one process that has imported the product."""
