"""The pictures of docs/review.md, made by `make pictures` from the pages as they are."""
