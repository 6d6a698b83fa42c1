"""What a setting is: the one table, validation and comparison. Knows neither HTTP nor the provider."""
