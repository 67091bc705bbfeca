"""The history of runs: the pages of one export and of all exports, their charts, and a download."""
