"""The application's own settings: Java properties, Puppet templates, key stores."""
