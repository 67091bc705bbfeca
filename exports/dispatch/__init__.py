"""What makes runs start by themselves: due schedules, what they wait for, and how many a connection takes."""
