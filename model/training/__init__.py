"""Training a network, from a recipe and a labelled data set."""
