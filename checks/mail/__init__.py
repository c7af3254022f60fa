"""The mail itself: log, queue, destination."""
