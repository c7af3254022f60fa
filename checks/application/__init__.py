"""The application's own settings."""
