"""What programs declare."""
