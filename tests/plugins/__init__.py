"""Packages that add to Helios what it does not have."""
