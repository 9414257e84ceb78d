"""Outbound campaigns, as pure rules: what a list may hold, who is called next, how many at once.

No I/O, no clock and no randomness: times are handed in. The store keeps campaigns, the dialler places calls.
"""
