"""What keeps answers honest: images without a suggestion, probes, figures of sessions and of how true tags are."""
