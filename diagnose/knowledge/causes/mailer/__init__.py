"""Of mailers other than Postfix that are the host's MTA."""
