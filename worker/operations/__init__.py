"""What operators do: nights are begun, and many rows changed by a step of at most 1,000 a transaction."""
