"""The researchers' desk: state, schedule, report, SQL, and queues to decide in."""
