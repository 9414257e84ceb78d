"""Stand-ins that implement our ports for real, only in memory."""
