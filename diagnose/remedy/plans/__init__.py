"""Plans by section; every module here is found and loaded."""
