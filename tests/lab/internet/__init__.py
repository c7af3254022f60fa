"""The lab's internet: names, mail servers and certificates that behave as a fault asks."""
