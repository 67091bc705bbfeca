"""When exports run by themselves: recurrences, their rows and words, and the runs of what is due."""
