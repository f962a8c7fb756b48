"""How true the tags and the people are: audits, probes, second opinions, and sessions of reviewing."""
