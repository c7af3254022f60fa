"""What servers and programs say: replies, and what they mean."""
