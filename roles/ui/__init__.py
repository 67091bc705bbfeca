"""What pages are made with: answers to htmx, numbers and times in words, many equal pieces fast."""
