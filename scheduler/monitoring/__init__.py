"""What the scheduler tells of itself: health, metrics and alerts."""
