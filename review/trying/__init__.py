"""Trying bundles on photographs that are uploaded: nothing of them is stored."""
