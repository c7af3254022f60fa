"""The machine under it: disk and clock."""
