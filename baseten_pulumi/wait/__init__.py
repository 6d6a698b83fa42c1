"""Wait until Baseten reports settings as applied. Never writes."""
