"""What a domain publishes about its mail, and what it means for a sender: SPF, DKIM, DMARC. Pure."""
