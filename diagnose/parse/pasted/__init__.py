"""Whatever people paste: bounces, dialogues, other mailers, stack traces."""
