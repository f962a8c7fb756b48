"""What settings mean: URLs, and the calendar of nights."""
