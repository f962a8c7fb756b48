"""What people watch, by the command or on the dashboard: the work and its pace, the last night, the schedule."""
