"""Scripts that Asterisk starts itself, beside it, with the Python there."""
