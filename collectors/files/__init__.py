"""Files as collectors: the same contract over exports and archives."""
