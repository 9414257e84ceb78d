"""Recordings: from a node's spool folder into the recording store.

The PBX writes while a call lives; the intake makes one stereo file of it (customer left, agent right).
"""
