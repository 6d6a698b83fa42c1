"""What a program does beside declaring resources: it asks, merges, warns, and refuses before anything is registered."""
