"""The review, measured: claims and decisions in a queue of a million images, and many reviewers at once."""
