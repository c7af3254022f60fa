"""What mailers other than Postfix say of themselves: their settings, logins, queues and logs, as data."""
