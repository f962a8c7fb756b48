"""What waits for review: the walks by which screens are claimed, and their conditions."""
