"""Begins the calls of running campaigns, while this server leads, and learns what came of them."""
