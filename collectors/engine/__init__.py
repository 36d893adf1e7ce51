"""The loop that every collector runs in: run, transitions, rate limits, recovery, connectivity."""
