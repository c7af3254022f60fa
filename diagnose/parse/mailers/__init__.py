"""Settings, queues and logs of mailers other than Postfix, as data."""
