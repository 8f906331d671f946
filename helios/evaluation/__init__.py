"""How Helios would have done on recorded demand: files in, figures out. Nothing here decides or publishes."""
