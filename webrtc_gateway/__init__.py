"""The video gateway: signalling, rooms, forwarding, recording (to come)."""
