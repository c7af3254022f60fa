"""The machine: disk, rights, addresses, limits."""
