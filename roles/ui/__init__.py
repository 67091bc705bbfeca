"""What pages are made of: answers to htmx, numbers and times in words, fast repetition."""
