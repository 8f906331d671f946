"""The alerts that are shipped: rules, routes, pages."""
