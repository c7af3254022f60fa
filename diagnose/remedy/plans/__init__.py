"""Plans by section, found by themselves."""
