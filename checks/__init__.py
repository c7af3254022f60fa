"""The checks that ship with mail-diagnose, one question each."""
