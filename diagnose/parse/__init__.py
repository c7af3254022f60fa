"""Text to data: configuration files, logs, replies, and the label tables. Pure; imports only diagnose.model."""
