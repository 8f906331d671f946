"""Worlds that exist only in a replay: which measured column plays which service, and an HPA in arithmetic beside it."""
