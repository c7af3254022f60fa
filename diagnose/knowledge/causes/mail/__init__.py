"""The mail itself: delivered, waiting, held, expired, or never submitted."""
