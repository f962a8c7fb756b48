"""The run of each night: opened when it is due, and looked after until its deadline."""
