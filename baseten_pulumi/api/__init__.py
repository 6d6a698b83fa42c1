"""Baseten's management API over HTTP; the only place that uses httpx."""
