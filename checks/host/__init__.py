"""The machine itself: disk and clock."""
