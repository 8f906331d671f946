"""What the documents say is so: links, commands, manifests, names, generated tables, and the site."""
