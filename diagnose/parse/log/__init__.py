"""Mail logs: lines, deliveries, troubles, and the story of one message."""
