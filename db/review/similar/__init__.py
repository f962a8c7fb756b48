"""Images that are like one another: settled neighbours, and stacks of near-identical pictures."""
