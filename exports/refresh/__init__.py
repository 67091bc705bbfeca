"""The system refresh: tables are re-read, segments computed anew, then every export that follows it runs.

Who changes a refresh or its parts holds the lock on the refresh's row, so that start, claims, ends and cancel never
cross. `start` starts and cancels, `work` is what the chores cluster does, `advance` hands out what may go next.
"""
