"""The lab: a throw-away machine per fault, with a real Postfix in a simulated network. `tests/lab/table --help`."""
