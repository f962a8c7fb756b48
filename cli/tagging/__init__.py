"""`tagger run` and `tagger scan`: find what is new in a source, and tag it here or follow workers elsewhere."""
