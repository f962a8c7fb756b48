"""What operators do to many rows: a step of at most 1,000 a transaction, which a killed command leaves in order."""
