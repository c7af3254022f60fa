"""Small text utilities: addresses, durations, masking of secrets, findings."""
