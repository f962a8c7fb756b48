"""What a claimed chunk goes through: its images are read and decoded, then classified."""
