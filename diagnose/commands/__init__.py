"""The commands beside `run`, a file for each family; each has `register(app)`."""
