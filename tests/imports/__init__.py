"""What `helios import` makes of other people's autoscalers."""
